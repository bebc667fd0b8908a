"""Labels from the page of `view`: what a page of this server may write, and what nobody else may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import LogAnalyzer
from tau2_logging.analysis.deep.attribution.agreement.label_agreement import labelled_pairs
from tests.support.browser import chromium, click, texts
from tests.support.in_process import run_quietly, scripted
from tests.support.patience import until
from tests.support.served_runs import Answer, ServedRuns, served

pytest.importorskip("tau2.registry", reason="tau2 is not installed")

OURS = {"Sec_Fetch_Site": "same-origin", "Content_Type": "application/json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Logs of a run of retail in which every user hangs up."""
    logs = tmp_path_factory.mktemp("logs")
    run_quietly(scripted(logs, user={"hangs_up": 1.0}, domains=("retail",), task_ids=("0", "7"), run_name="hung-up"))
    return logs


@pytest.fixture
def site(folder: Path) -> Iterator[ServedRuns]:
    (folder / "runs" / "hung-up" / "labels.jsonl").unlink(missing_ok=True)
    with served(folder) as found:
        found.json("/api/runs")
        yield found


def labeled(site: ServedRuns, run: str = "hung-up", **given: Any) -> Answer:
    headers = {name: given.pop(name) for name in tuple(given) if name[0].isupper()}
    body = json.dumps({"domain": "retail", "task": "0", "trial": 0, "fault": "agent", "note": "read", **given})
    return site.get(f"/api/label?run={run}", "POST", body.encode(), **{**OURS, **headers})


def test_a_label_from_the_page_is_beside_the_run_and_counts(site: ServedRuns, folder: Path) -> None:
    before = site.json("/api/failures", run="hung-up")
    assert [(row["task"], row["fault"], row["label"]) for row in before["failures"]] == [("0", "user", None), ("7", "user", None)]
    answer = labeled(site)
    assert answer.status == 200
    after = json.loads(answer.text)
    assert after["failures"][0]["label"] == "agent"
    assert after["agreement"] == {"labels": 1, "agree": 0, "kappa": 0.0}
    (row,) = [json.loads(line) for line in (folder / "runs" / "hung-up" / "labels.jsonl").read_text().splitlines()]
    assert row == {"run": "hung-up", "domain": "retail", "task": "0", "trial": 0, "fault": "agent", "note": "read"}
    assert labelled_pairs(LogAnalyzer(folder / "tau2_retail.log").recorded) == [("agent", "user")]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"fault": "everybody"}, 409),
        ({"task": "3"}, 409),
        ({"task": "../7"}, 409),
        ({"note": "x" * 501}, 409),
        ({"note": "x" * 9000}, 413),
        ({"run": ".."}, 404),
    ],
)
def test_what_is_not_of_this_server_or_names_nothing_writes_nothing(
    site: ServedRuns, folder: Path, given: dict[str, Any], status: int
) -> None:
    assert labeled(site, **given).status == status
    assert not (folder / "runs" / "hung-up" / "labels.jsonl").exists()


def test_only_that_path_takes_a_post(site: ServedRuns) -> None:
    assert site.get("/api/failures?run=hung-up", "POST", b"{}", **OURS).status == 405
    assert site.get("/api/label?run=hung-up").status == 405
    assert site.get("/api/label?run=hung-up", "POST", b"[1]", **OURS).status == 400


def test_a_folder_with_a_link_in_it_is_not_written_to(site: ServedRuns, folder: Path) -> None:
    link = folder / "runs" / "hung-up" / "labels.jsonl"
    link.symlink_to(folder / "elsewhere.jsonl")
    try:
        assert labeled(site).status == 409
        assert not (folder / "elsewhere.jsonl").exists()
    finally:
        link.unlink()


def test_a_person_reads_and_says_whose_fault_it_was(site: ServedRuns, folder: Path, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as driver:
        driver.get(f"http://127.0.0.1:{site.port}/#/run/hung-up")

        def found(css: str) -> Any:
            until(lambda: bool(driver.find_elements("css selector", css)))
            return driver.find_element("css selector", css)

        click(driver, "css selector", ".card button")
        found('select[aria-label^="whose fault"]').send_keys("task")
        found('input[aria-label^="note"]').send_keys("reference is wrong")
        next(one for one in driver.find_elements("css selector", ".card button") if one.text == "Save").click()
        until(lambda: any("0 of 1 labels" in shown for shown in texts(driver, "body")))
        driver.save_screenshot(str(tmp_path / "page.png"))
        assert driver.get_log("browser") == []
    (row,) = [json.loads(line) for line in (folder / "runs" / "hung-up" / "labels.jsonl").read_text().splitlines()]
    assert (row["task"], row["fault"], row["note"]) == ("0", "task", "reference is wrong")
