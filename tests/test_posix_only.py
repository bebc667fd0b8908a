"""What only Linux and macOS have is guarded: the code is read for it, and each guard is tried as if this were Windows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tau2_logging.errors import UserError
from tau2_logging.posix_only import require_posix

ROOT = Path(__file__).resolve().parents[1]
MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios", "tty"}
ATTRIBUTES = {
    *(f"os.{name}" for name in (
        "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getpgrp", "getuid", "killpg", "mkfifo", "openpty", "pwrite",
        "register_at_fork", "sched_getaffinity", "setpgid", "setsid", "uname", "wait", "wait3", "wait4", "WNOHANG", "O_CLOEXEC", "fchmod",
    )),
    *(f"signal.{name}" for name in (
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "alarm", "pause", "setitimer",
        "pthread_kill", "pthread_sigmask",
    )),
    "time.tzset",
}  # fmt: skip
ARGUMENTS = {"pass_fds", "preexec_fn"}
METHODS = {"add_signal_handler", "remove_signal_handler"}
REFUSED = {
    "tau2_logging/models/servers/supervisor.py": "--serve is refused before it is started",
    "tau2_logging/runner/executors/processes.py": "ProcessBackend refuses to be made",
    "tau2_logging/runner/executors/fork_main.py": "a program that only ProcessBackend starts",
    "tau2_logging/runner/executors/forked_workers.py": "only ProcessBackend asks for them",
    "tau2_logging/runner/executors/worker_main.py": "a program that only ProcessBackend starts",
}
"""Modules that are not reached on Windows, and why."""
WORDS = re.compile("|".join({*(f"import {name}" for name in MODULES), *ATTRIBUTES, *ARGUMENTS, *METHODS}).replace(".", r"\."))
GUARDS = {"ImportError", "AttributeError", "NotImplementedError", "Exception"}


def uses(tree: ast.AST, guarded: bool = False) -> Iterator[tuple[str, int]]:
    """What only POSIX has, with its line: outside of `if hasattr(...)`, `try ... except ImportError` and `with suppress(...)`."""
    if not guarded:
        yield from named(tree)
    for node in ast.iter_child_nodes(tree):
        yield from uses(node, guarded or protects(tree, node))


def named(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.Import):
        yield from ((alias.name, node.lineno) for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
        yield node.module, node.lineno
    elif isinstance(node, ast.Attribute) and (ast.unparse(node) in ATTRIBUTES or node.attr in METHODS):
        yield ast.unparse(node), node.lineno
    elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
        yield str(node.arg), node.value.lineno


def protects(parent: ast.AST, child: ast.AST) -> bool:
    if isinstance(parent, ast.Try) and child in parent.body:
        return any(
            GUARDS & {name.id for name in ast.walk(handler.type) if isinstance(name, ast.Name)}
            for handler in parent.handlers
            if handler.type
        )
    if isinstance(parent, ast.If | ast.IfExp):
        bodies = parent.body if isinstance(parent.body, list) else [parent.body]
        return child in bodies and ("hasattr(" in ast.unparse(parent.test) or "os.name" in ast.unparse(parent.test))
    if isinstance(parent, ast.With) and child in parent.body:
        return any(
            "suppress(" in ast.unparse(item) and GUARDS & set(ast.unparse(item).replace("(", " ").replace(")", " ").split())
            for item in parent.items
        )
    return False


def test_nothing_that_only_posix_has_is_used_without_a_guard() -> None:
    found = {}
    for path in sorted((ROOT / "tau2_logging").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if WORDS.search(text) and (places := list(uses(ast.parse(text)))):
            found[str(path.relative_to(ROOT))] = places
    assert {name: places for name, places in found.items() if name not in REFUSED} == {}
    assert found.keys() - REFUSED.keys() == set()


@pytest.mark.parametrize(
    ("code", "unguarded"),
    [
        ("import fcntl", True),
        ("try:\n    import fcntl\nexcept ImportError:\n    fcntl = None", False),
        ("os.sched_getaffinity(0)", True),
        ("n = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1", False),
        ("n = 1 if hasattr(os, 'sched_getaffinity') else len(os.sched_getaffinity(0))", True),
        ("with suppress(NotImplementedError):\n    loop.add_signal_handler(signal.SIGTERM, f)", False),
        ("with suppress(OSError):\n    loop.add_signal_handler(signal.SIGTERM, f)", True),
        ("subprocess.Popen(words, pass_fds=[3])", True),
        ("signal.signal(signal.SIGTERM, f)", False),
        ("getattr(signal, 'SIGHUP', None)", False),
    ],
)
def test_the_reading_finds_what_it_should(code: str, unguarded: bool) -> None:
    assert bool(list(uses(ast.parse(code)))) == unguarded


def test_what_needs_posix_says_so_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do instead; elsewhere nothing happens."""
    require_posix("--serve", "start it yourself")
    monkeypatch.setattr("tau2_logging.posix_only.os", type("Windows", (), {"name": "nt"}))
    with pytest.raises(UserError, match=r"^--serve needs Linux or macOS; start it yourself$"):
        require_posix("--serve", "start it yourself")


def test_processes_and_servers_are_refused_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is started."""
    from rich.console import Console

    from tau2_logging.models.servers.server_settings import ModelServerSettings
    from tau2_logging.runner.executors.processes import ProcessBackend
    from tau2_logging.runner.model_calls.model_servers import model_servers
    from tau2_logging.runner.settings.config import ModelChoice, RunConfig

    monkeypatch.setattr("tau2_logging.posix_only.os", type("Windows", (), {"name": "nt"}))
    with pytest.raises(UserError, match="use --executor threads"):
        ProcessBackend(None)  # type: ignore[arg-type]
    config = RunConfig(servers=ModelServerSettings(serve="m"), agent_model=ModelChoice("hosted_vllm/m"))
    with pytest.raises(UserError, match="name it with --endpoint URL"), model_servers(config, tmp_path, Console(), print):
        pass
    assert list(tmp_path.iterdir()) == []
