"""report.html of many simulations with conversations: CPU and memory to make it, its size, and how long a browser takes.

    python -m benchmarks.report_page [--simulations 20000] [--pages 12] [--keep FOLDER] [--against CHECKOUT]

A scripted run of retail's tasks, multiplied: each copy is another trial, with spans, ids, times and customers' words of its own. Opening is
from the address to the first page drawn, a simulation's page from its address to its conversation drawn, in headless Chromium.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.browser import chromium

ROOT = Path(__file__).resolve().parents[1]
DOMAIN = "retail"

_ADDRESSES = """
    const { sims, strings } = JSON.parse(document.getElementById("data").textContent);
    return arguments[0].map((part) => Math.floor(part * sims.n)).map((i) =>
        `#/task/${strings[sims.domain[i]]}/${strings[sims.task[i]]}/${sims.trial[i]}/${sims.attempt[i]}/${i}`);
"""
_OPENED = """
    const [address, done] = arguments, began = performance.now();
    const drawn = () => (document.querySelector("article.turn") ? done(performance.now() - began) : requestAnimationFrame(drawn));
    addEventListener("hashchange", () => requestAnimationFrame(drawn), { once: true });
    location.hash = address;
"""


def scripted_run(folder: Path) -> Path:
    """Run retail's tasks with the scripted models; returns the log."""
    words = ["--domains", DOMAIN, "--max-concurrency", "2", "--no-progress", "--log-dir", str(folder)]
    subprocess.run([sys.executable, "run_local.py", *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return folder / f"tau2_{DOMAIN}.log"


def multiplied(log: Path, folder: Path, simulations: int) -> Path:
    """Write the log and the results file of so many simulations; returns the log. One run's simulations stay one run's."""
    [results] = log.parent.glob(f"runs/*/results_{DOMAIN}.json")
    recorded = json.loads(results.read_text(encoding="utf-8"))
    copies = -(-simulations // len(recorded["simulations"]))
    place = folder / "runs" / results.parent.name
    place.mkdir(parents=True)
    (place / "run.json").write_bytes((results.parent / "run.json").read_bytes())
    trials = 1 + max(one["trial"] for one in recorded["simulations"])
    recorded["simulations"] = [_copied(one, number, trials) for number in range(copies) for one in recorded["simulations"]]
    (place / results.name).write_text(json.dumps(recorded), encoding="utf-8")
    written = folder / log.name
    with written.open("w", encoding="utf-8") as file:
        file.writelines(_lines(log.read_text(encoding="utf-8").splitlines(), copies, trials))
    return written


def _copied(simulation: Mapping[str, Any], number: int, trials: int) -> dict[str, Any]:
    found = {**copy.deepcopy(dict(simulation)), "trial": simulation["trial"] + number * trials, "id": f"{simulation['id']}-{number}"}
    for message in found["messages"]:
        if message["role"] == "user" and message.get("content"):
            message["content"] += f" ({found['task_id']}, {number})"
    return found


def _lines(lines: list[str], copies: int, trials: int) -> Iterator[str]:
    """Yield the lines of the run, those of simulations once for each copy, which starts after the one before."""
    length = max(float(at) for line in lines for at in re.findall(r" start_ms=([\d.]+)", line)) + 1000
    inner = [line for line in lines if " trial=" in line]
    yield f"{lines[0]}\n"
    for number in range(copies):
        for line in inner:
            line = re.sub(r" start_ms=([\d.]+)", lambda at, n=number: f" start_ms={float(at[1]) + n * length:.3f}", line)
            line = re.sub(r" (span|parent)=(\S+)", rf" \1=\g<2>x{number:x}", line)
            yield re.sub(r" trial=(\d+)", lambda of, n=number: f" trial={int(of[1]) + n * trials}", line) + "\n"
    yield f"{lines[-1]}\n"


def made(root: Path, log: Path, output: Path) -> Path:
    """Make the page with the code of a checkout and say what it took; returns it."""
    command = [sys.executable, "-m", "tau2_logging", "analyze", str(log), "--format", "html", "--output_dir", str(output), "--quiet"]
    with subprocess.Popen(command, cwd=root, env={**os.environ, "TAU2_LOGGING_CACHE": "off"}, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {process.returncode}")
    page = output / "report.html"
    size = page.stat().st_size / 1e6
    print(
        f"made: {used.ru_utime:.1f} s of user CPU, {used.ru_stime:.1f} s of system, {used.ru_maxrss / 1024:,.0f} MB at peak, {size:.1f} MB"
    )
    return page


def opened(page: Path, pages: int) -> None:
    """Open the page and some of its simulations, and say how long each took."""
    dice = random.Random(7)
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as browser:
        browser.set_script_timeout(60)
        began = time.perf_counter()
        browser.get(page.as_uri())
        while not browser.execute_script("return document.querySelector('main h1') !== null"):
            time.sleep(0.01)
        print(f"opened in {time.perf_counter() - began:.2f} s")
        addresses = browser.execute_script(_ADDRESSES, [dice.random() for _ in range(pages)])
        took = [browser.execute_async_script(_OPENED, address) / 1000 for address in addresses]
    print(f"a simulation's page: median {statistics.median(took):.2f} s, longest {max(took):.2f} s of {pages}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=20_000)
    parser.add_argument("--pages", type=int, default=12)
    parser.add_argument("--keep", type=Path, help="where the input is, or is kept")
    parser.add_argument("--against", type=Path, help="a checkout of another version, which makes the page first")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        log = folder / "many" / f"tau2_{DOMAIN}.log"
        if not log.exists():
            multiplied(scripted_run(folder / "run"), folder / "many", args.simulations)
        for root in [*([args.against.resolve()] if args.against else []), ROOT]:
            page = made(root, log, Path(name) / "out")
        opened(page, args.pages)


if __name__ == "__main__":
    main()
