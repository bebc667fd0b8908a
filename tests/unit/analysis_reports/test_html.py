"""report.html as text: nothing from a log in it can be markup, nothing in it needs a network, nothing is left out in silence."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.reports.html import page, run_data
from tau2_logging.analysis.reports.html.content import report_data
from tau2_logging.analysis.timeline.build import timeline_of
from tests.support.report_samples import Sample, hostile, pooled, write

ASSETS = Path(page.__file__).parent / "assets"


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts, as a browser's parser splits them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": [], "title": []}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.inside:
            self.inside[self._open][-1] += data


def page_text(tmp_path: Path, *samples: Sample, **options: Any) -> str:
    log = load_log(write(tmp_path / "tau2_retail.log", samples))
    [path] = page.write(log, tmp_path / "out", ReportOptions(**options))
    return path.read_text(encoding="utf-8")


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_embedded_json_reads_back_equal_and_holds_nothing_that_ends_or_begins_an_element(data: Any) -> None:
    text = page.script_json(data)
    assert json.loads(text) == data
    assert not set(text) & set("<>&\u2028\u2029")
    assert text.isascii()


def test_a_hostile_log_adds_no_element_to_the_page_text(tmp_path: Path) -> None:
    texts = [tag for tag, _ in Elements(page_text(tmp_path, hostile())).tags]
    plain = [tag for tag, _ in Elements(page_text(tmp_path, pooled(3, 1))).tags]
    assert texts == plain
    assert texts.count("script") == 2


def test_a_hostile_title_is_text(tmp_path: Path) -> None:
    elements = Elements(page_text(tmp_path, pooled(3, 1), title="</title><script>window.hacked=1</script>{{data}}"))
    assert [tag for tag, _ in elements.tags].count("script") == 2
    assert json.loads(elements.inside["script"][0])["title"] == "</title><script>window.hacked=1</script>{{data}}"


def test_the_page_names_no_address_and_its_policy_admits_its_own_script_and_style_alone(tmp_path: Path) -> None:
    elements = Elements(page_text(tmp_path, pooled(3, 1)))
    policy = next(attrs["content"] for tag, attrs in elements.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    for what, text in (("script-src", elements.inside["script"][1]), ("style-src", elements.inside["style"][0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{what} 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)
    assert not [attrs for _, attrs in elements.tags if {"src", "href"} & attrs.keys()]
    code = elements.inside["script"][1] + elements.inside["style"][0]
    assert set(re.findall(r"https?://[^\s\"']+", code)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    "way", ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc", "setTimeout"]
)
def test_the_page_s_own_script_knows_no_way_from_text_to_markup_or_code(way: str) -> None:
    assert [path.name for path in ASSETS.rglob("*.js") if way in path.read_text(encoding="utf-8")] == []


def test_every_script_of_the_folder_is_in_the_page_text(tmp_path: Path) -> None:
    text = page_text(tmp_path, pooled(3, 1))
    assert [path.name for path in ASSETS.rglob("*.js") if path.read_text(encoding="utf-8").strip() not in text] == []


def decoded(data: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Name, start and length in ms of every embedded call, from the columns as the page's script reads them."""
    sims, calls = data["sims"], data["calls"]
    found = []
    for sim in range(sims["n"]):
        for call in range(sims["first"][sim], sims["first"][sim + 1]):
            start = (sims["start"][sim] + calls["start"][call]) / 1000
            found.append((data["strings"][calls["name"][call]], start, calls["length"][call] / 1000))
    return found


def test_the_embedded_columns_say_what_the_timeline_says_to_the_microsecond(tmp_path: Path) -> None:
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [pooled(9, 3)])))
    expected = list(zip(run.calls["name"], run.calls["start_ms"], run.calls["end_ms"] - run.calls["start_ms"], strict=False))
    for (name, start, length), (wanted, wanted_start, wanted_length) in zip(decoded(run_data.run_data(run)), expected, strict=True):
        assert name == wanted
        assert (start, length) == pytest.approx((wanted_start, wanted_length), abs=0.0021)


def test_where_calls_are_left_out_the_asked_for_the_bad_and_the_slowest_stay(tmp_path: Path) -> None:
    run = timeline_of(load_log(write(tmp_path / "tau2_retail.log", [pooled(40, 4)])))
    rows = run.rows
    bad = set(rows.index[(rows["status"] != "ok") | (rows["reward"].astype(float) < 1)])
    asked = {int(rows.index[rows["task"] == "2"][0])}
    most = int(run.calls["row"].isin(bad | asked).sum()) + 60
    kept = run_data.detailed(run, rows, {"2"}, most)
    assert bad | asked < kept < set(rows.index)
    length = rows["end_ms"] - rows["start_ms"]
    more = kept - bad - asked
    assert min(length[list(more)]) >= max(length[list(set(rows.index) - kept)])
    assert int(run.calls["row"].isin(kept).sum()) <= most


def test_the_page_says_how_many_simulations_it_holds_no_calls_of(tmp_path: Path) -> None:
    log = load_log(write(tmp_path / "tau2_retail.log", [pooled(12, 3)]))
    assert report_data(log, ReportOptions())["notes"] == []
    data = report_data(log, ReportOptions(), most_calls=100)
    left = data["sims"]["detail"].count(0)
    assert left > 0
    assert any(f"{left} of 12 simulations" in text for text, _ in data["notes"])


def test_an_unknown_price_is_shown_as_unknown_and_never_as_zero(tmp_path: Path) -> None:
    sample = Sample()
    sample.timed("llm_call", "0", 0, 10, model="nobody/knows", input_tokens=5, output_tokens=5, error=False)
    data = report_data(load_log(write(tmp_path / "tau2_retail.log", [sample])), ReportOptions())
    assert [tile[1] for tile in data["tiles"] if tile[0] == "cost"] == ["unknown"]
