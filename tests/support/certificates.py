"""No test speaks TLS. Each HTTP client reads the certificates of 140 authorities, in 25 ms of CPU: here it reads one."""

from __future__ import annotations

import os
from pathlib import Path

END = "-----END CERTIFICATE-----\n"


def trust_one_authority(folder: Path) -> None:
    """Have this process and those that it starts read a file with one certificate. They speak with nobody but each other."""
    file = folder / "one_authority.pem"
    if file.exists():
        return
    try:
        import certifi
    except ImportError:
        return
    text = Path(certifi.where()).read_text(encoding="utf-8")
    file.write_text(text[: text.index(END) + len(END)], encoding="utf-8")
    os.environ["SSL_CERT_FILE"] = str(file)
