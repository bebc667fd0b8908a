"""`python -m tau2_logging view`: real runs followed, and everything that is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tau2_logging.view import report_pages
from tests.support.browser import chromium, click, texts
from tests.support.command import ROOT, environment, in_process, start_local
from tests.support.patience import LONG_S, until
from tests.support.report_samples import HOSTILE, Sample, hostile, pooled, write
from tests.support.served_runs import ServedRuns, served

SLOW = json.dumps({"ttft_ms": 150})
VIEW = [sys.executable, "-m", "tau2_logging", "view"]
SECRET = "the-content-of-a-file-outside"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of two runs and of one with hostile names, beside a file and links that lead to it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "tau2_secret.log").write_text("\n".join(_secret().lines) + "\n")
    (outside / "run.json").write_text(json.dumps({"run_id": SECRET, "argv": SECRET}))
    logs = outside / "logs"
    (logs / "runs").mkdir(parents=True)
    other = pooled(10, 3, domain="airline", seed=3)
    write(logs / "tau2_retail.log", [pooled(14, 4), *_named("other", other), *_named(HOSTILE[0], hostile()), *_named("../..", hostile())])
    (logs / "tau2_link.log").symlink_to(outside / "tau2_secret.log")
    (logs / "runs" / "linked").symlink_to(outside)
    (logs / "runs" / "inner").mkdir()
    (logs / "runs" / "inner" / "run.json").symlink_to(outside / "run.json")
    return logs


def _secret() -> Sample:
    sample = Sample(run=SECRET)
    sample.start(agent=SECRET)
    return sample


def _named(run: str, sample: Sample) -> Iterator[Sample]:
    """The sample as the lines of another run."""
    from tau2_logging.events import decode, encode

    events = [decode(line) for line in sample.lines]
    sample.lines = [encode(type(one)(one.level, one.time, one.task, one.thread, one.type, {**one.fields, "run": run})) for one in events]
    yield sample


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[ServedRuns]:
    with served(folder) as found:
        yield found


OUTSIDE = (
    "/../tau2_secret.log", "/../../../../etc/passwd", "/%2e%2e/tau2_secret.log", "/..%2ftau2_secret.log", "/%2e%2e%2f%2e%2e%2fetc/passwd",
    "/..%5ctau2_secret.log", "/....//tau2_secret.log", "//etc/passwd", "/etc/passwd", "/file:///etc/passwd", "/tau2_link.log",
    "/tau2_retail.log", "/runs/inner/run.json", "/runs/linked/tau2_secret.log", "/report/../../etc/passwd", "/%00", "/report%00.html",
    "/api/../../../etc/passwd", "/static/..%2f..%2fetc/passwd", "/%c0%ae%c0%ae/etc/passwd",
)  # fmt: skip
NAMES = (
    "../tau2_secret.log", "..", ".", "", "/etc/passwd", "../../etc/passwd", "tau2_link.log", "linked", "inner", SECRET, "runs/inner",
    "20261120_174501_ab12\0", "20261120_174501_ab12/..", "%2e%2e%2ftau2_secret.log", "latest", "all", "-", "C:\\x", "x" * 5000, "\udcff",
)  # fmt: skip


@pytest.mark.parametrize("target", OUTSIDE)
def test_no_path_leads_to_a_file(site: ServedRuns, target: str) -> None:
    """The server has nine paths, and none of them is one of a file."""
    answer = site.get(target)
    assert answer.status in (400, 404)
    assert SECRET not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["/report", "/compare", "/verdict", "/api/run", "/api/findings"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_run_gives_nothing(site: ServedRuns, path: str, name: str) -> None:
    """A run is looked up among those that were found; its name is never made into a path."""
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe="")
    answer = site.get(f"{path}?run={encoded}&other={encoded}")
    assert answer.status in (400, 404)
    assert SECRET not in answer.text
    assert "root:" not in answer.text


def test_links_that_lead_out_of_the_folder_are_not_read(site: ServedRuns) -> None:
    answer = site.get("/api/runs")
    assert SECRET not in answer.text
    assert {row["run"] for row in json.loads(answer.text)["runs"]} == {"20261120_174501_ab12", "other", HOSTILE[0], "../.."}


def test_a_run_whose_name_is_a_path_has_nothing_read_beside_its_log(site: ServedRuns) -> None:
    """A log may name its runs as it likes; `runs/<run>` beside it is read for conversations otherwise."""
    assert "left out of this page" in site.get("/report?run=../..").text
    assert "left out of this page" not in site.get("/report?run=other").text


def test_another_host_and_another_site_are_refused(site: ServedRuns) -> None:
    """DNS rebinding, and a page elsewhere that has a report made."""
    assert site.get("/api/runs", Host="evil.example").status == 403
    assert site.get("/report?run=other", Sec_Fetch_Site="cross-site").status == 403
    assert site.get("/api/runs", method="POST").status == 405


def test_every_answer_says_what_it_is(site: ServedRuns) -> None:
    """Refusals too: a type that no browser guesses at, and a page that nobody frames or keeps."""
    types = {
        "/": "text/html",
        "/api/runs": "application/json",
        "/report?run=other": "text/html",
        "/nothing": "text/plain",
        "/report": "text/plain",
    }
    for target, type_ in types.items():
        headers = site.get(target).headers
        assert headers["Content-Type"] == f"{type_}; charset=utf-8"
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"], headers["Cache-Control"]) == ("nosniff", "DENY", "no-store")


def test_only_loopback_is_listened_on(site: ServedRuns) -> None:
    listening = Path("/proc/net/tcp").read_text().splitlines()
    assert [line.split()[1] for line in listening if line.split()[1].endswith(f":{site.port:04X}") and line.split()[3] == "0A"] == [
        f"0100007F:{site.port:04X}"
    ]


def test_two_runs_are_compared_by_a_click(site: ServedRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is the report of the first, with the other beside it; it is made once."""
    text = site.get("/compare?run=20261120_174501_ab12&other=other").text
    assert "Reward and cost" in text
    assert "Settings that differ" not in site.get("/report?run=other").text
    assert "No verdict: " in site.get("/verdict?run=20261120_174501_ab12&other=other").text
    monkeypatch.setattr(report_pages.page, "write", None)
    assert site.get("/compare?run=20261120_174501_ab12&other=other").text == text


def test_a_run_is_followed_to_its_end_and_a_second_one_appears(tmp_path: Path) -> None:
    words = ("--domains", "mock", "--num-trials", "2", "--agent-llm-args", SLOW, "--log-dir", str(tmp_path), "--max-cost", "5")
    with served(tmp_path) as site:
        assert site.statuses() == {}
        process = start_local(*words, "--run-name", "one")
        until(lambda: bool((site.statuses().get("one") == "running") and site.json("/api/run", run="one")["flight"]))
        told = site.json("/api/run", run="one")
        assert (told["budget"], told["done"] < told["planned"]) == ("$5.00", True)
        assert {one["waiting_on"] for one in told["flight"]} != {""}
        second = start_local(*words, "--run-name", "two")
        seen = set()
        until(lambda: seen.add(site.statuses()["one"]) or "finished" in seen)  # type: ignore[func-returns-value]
        assert seen <= {"running", "finished"}
        until(lambda: site.statuses().get("two") == "finished")
        for started in (process, second):
            started.communicate(timeout=LONG_S)
        ended = site.json("/api/run", run="one")
        assert (ended["done"], ended["flight"], ended["reward"]) == (ended["planned"], [], f"1.000 of {ended['planned']} scored")
        assert site.json("/api/findings", run="one")["findings"] is not None


def test_a_killed_run_is_shown_as_broken_off(tmp_path: Path) -> None:
    """kill -9: nobody is left to write the end, and the lock of a process that is gone says so."""
    with served(tmp_path) as site:
        process = start_local(
            "--domains", "mock", "--agent-llm-args", json.dumps({"ttft_ms": 5000}), "--log-dir", str(tmp_path), "--run-name", "r"
        )
        until(lambda: site.statuses().get("r") == "running" and bool(site.json("/api/run", run="r")["flight"]))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=LONG_S)
        told = site.json("/api/run", run="r")
        assert (told["status"], told["why"]) == ("broken off", "its process is gone")
        assert "never ended" in told["reward"]


def test_the_command_serves_until_ctrl_c_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """It says where to look, a port in use is a sentence, and what it made is removed."""
    words = [*VIEW, str(folder), "--port", "0"]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(TMPDIR=str(tmp_path))
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split("127.0.0.1:")[1].split("/")[0]
        assert ServedRuns(int(port)).get("/report?run=other").status == 200
        assert list(tmp_path.rglob("report.html"))
        busy = in_process(_view, folder, "--port", port)
        assert (busy.returncode, busy.stderr) == (
            2, f"python -m tau2_logging view: error: port {port} is in use; choose another --port, or leave it out\n"
        )  # fmt: skip
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LONG_S)
    assert (process.returncode, err) == (130, "python -m tau2_logging view: interrupted\n")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tau2-view")]


@pytest.mark.parametrize(("words", "said"), [(("nowhere",), "no folder nowhere"), (("--port", "70000"), "'70000' is not a port")])
def test_bad_input_is_a_sentence(words: tuple[str, ...], said: str) -> None:
    done = in_process(_view, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def _view(words: list[str]) -> None:
    from tau2_logging.__main__ import main

    main(["view", *words])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def shown_by(browser: Any, site: ServedRuns, route: str, text: str) -> None:
    """Open a page and wait until a text is on it."""
    browser.get("about:blank")
    browser.get(f"http://127.0.0.1:{site.port}/#/{route}")
    until(lambda: any(text in shown for shown in texts(browser, "body")))


def test_in_a_browser_names_from_a_log_are_text_and_nothing_complains(browser: Any, site: ServedRuns) -> None:
    for run in (HOSTILE[0], "../.."):
        shown_by(browser, site, "", run)
        shown_by(browser, site, f"run/{quote(run, safe='')}", "Settings")
        until(lambda: any("As of" in shown for shown in texts(browser, "body")))
        assert texts(browser, "h1") == [run]
        assert browser.execute_script("return window.hacked") is None
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in entry["message"]] == []


def test_two_clicks_and_one_more_compare_two_runs(browser: Any, site: ServedRuns) -> None:
    """The choice outlives the next look at the folder, and the link opens the report's page of the comparison."""
    shown_by(browser, site, "", "other")
    for run in ("other", "20261120_174501_ab12"):
        click(browser, "css selector", f"[aria-label='choose {run} to compare']")
    browser.execute_script("return new Promise((done) => setTimeout(done, 2500))")
    click(browser, "link text", "Compare 20261120_174501_ab12 with other")
    until(lambda: len(browser.window_handles) == 2)
    first, second = browser.window_handles
    browser.switch_to.window(second)
    until(lambda: any("Reward and cost" in shown for shown in texts(browser, "body")))
    browser.close()
    browser.switch_to.window(first)


def test_a_run_that_is_alone_has_none_to_compare_with(browser: Any, tmp_path: Path) -> None:
    """And says so where others would be chosen."""
    write(tmp_path / "tau2_retail.log", [pooled(3, 1)])
    with served(tmp_path) as site:
        shown_by(browser, site, f"run/{Sample.run}", "no other run to compare with")


@pytest.mark.parametrize("route", ["", "run/20261120_174501_ab12"])
def test_nothing_is_wider_than_a_telephone(browser: Any, site: ServedRuns, route: str) -> None:
    browser.set_window_size(500, 900)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    try:
        shown_by(browser, site, route, "other" if not route else "As of")
        assert browser.execute_script("return [innerWidth, document.documentElement.scrollWidth <= innerWidth]") == [390, True]
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.set_window_size(1400, 1000)


def test_the_list_can_be_used_by_keyboard_while_it_is_redrawn(browser: Any, site: ServedRuns) -> None:
    """The focus stays where it is when the list is drawn again, and Enter opens the run."""
    shown_by(browser, site, "", "other")
    browser.find_element("link text", "other").send_keys("")
    browser.execute_script("return new Promise((done) => setTimeout(done, 2500))")
    assert browser.switch_to.active_element.text == "other"
    browser.switch_to.active_element.send_keys("\n")
    until(lambda: texts(browser, "h1") == ["other"])
