"""report.html in a real headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tau2_logging.analysis import ReportOptions, load_log
from tau2_logging.analysis.deep import LogAnalyzer
from tau2_logging.analysis.reports.html import page
from tau2_logging.analysis.reports.html.deep import report_data_without_log
from tests.support import recordings
from tests.support.browser import chromium
from tests.support.patience import until
from tests.support.report_samples import HOSTILE, Sample, hostile, pooled, write
from tests.support.thorough import scaled

GATES = (
    {
        "gate": "task:1",
        "met": False,
        "status": "BROKEN",
        "value": float("inf"),
        "plain": 2.0,
        "limit": 1.0,
        "unit": "ms",
        "detail": "<b>1 of 2</b> failed",
    },
    {"gate": "cost:9", "met": True, "status": "met", "value": 0.5, "plain": None, "limit": 9.0, "unit": "USD", "detail": ""},
)


MANY = scaled(250, 2000)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of a small run of two domains, of a hostile one, and of one of many simulations."""
    folder = tmp_path_factory.mktemp("reports")
    samples: dict[str, list[Sample]] = {
        "two": [pooled(14, 4), pooled(10, 3, domain="airline", seed=3)], "hostile": [hostile()], "large": [pooled(MANY, 32, turns=3)]
    }  # fmt: skip
    made = {}
    for name, parts in samples.items():
        log = load_log(write(folder / f"tau2_{name}.log", parts))
        options = ReportOptions() if name == "large" else ReportOptions(compare=log, slo=GATES, price_as=("gpt-4o",))
        [made[name]] = page.write(log, folder / name, options)
    log = load_log(folder / "tau2_two.log")
    [made["experiment"]] = page.write(log, folder / "experiment", ReportOptions(experiment=strange_experiment()))
    [made["waited"]] = page.write(load_log(write(folder / "tau2_waited.log", [waited()])), folder / "waited", ReportOptions())
    log = load_log(told_run(folder / "told"))
    for name, content in (("told", True), ("untold", False)):
        [made[name]] = page.write(log, folder / name / "report", ReportOptions(content=content))
    made["deep"] = folder / "deep.html"
    made["deep"].write_text(page.page(report_data_without_log(strange_agent(folder), ReportOptions())), encoding="utf-8")
    return made


def waited() -> Sample:
    """A simulation with a wait before a retry, which does not tell of cached tokens."""
    sample = Sample()
    sample.event("task_start", "0", 0.0, start_ms=0.0)
    sample.event("retry", "0", 110.0, start_ms=100.0, wait_ms=300.0, attempt=2)
    sample.timed("task_end", "0", 0.0, 1000.0, status="ok", reward=1.0, other_ms=1000.0, input_tokens=5000, output_tokens=150, steps=1)
    return sample


def told_run(folder: Path) -> Path:
    """A log with its run folder: two trials of a task in which everything that was said, called and returned is hostile."""
    sample, tool = Sample(), HOSTILE[0]
    calls = [recordings.call(text, error=text if n == 1 else None, result=text, **{text: text}) for n, text in enumerate(HOSTILE)]
    made, runs = (calls[0], recordings.call(tool, x=tool)), []
    for trial in (0, 1):
        sample.timed("task_end", "7", 1000.0 * trial, 900.0, status="ok", reward=float(trial), termination="user_stop", trial=trial)
        checks = [{"info": text, "met": bool(trial), "justification": text} for text in HOSTILE]
        more = {"parts": {"DB": float(trial)}, "communicate_checks": checks}
        runs.append(recordings.simulation("7", trial, [made[trial], *calls[1:]], float(trial), **more))
    task = {**recordings.task("7", recordings.action(tool, x=tool)), "user_scenario": HOSTILE[1], "ticket": HOSTILE[2]}
    place = folder / "runs" / sample.run
    place.mkdir(parents=True)
    (place / "run.json").write_text("{}", encoding="utf-8")
    recordings.write(place / "results_retail.json", recordings.results([task], runs, policy=HOSTILE[0]))
    return write(folder / "tau2_retail.log", [sample])


def strange_experiment() -> dict[str, Any]:
    """The data of an experiment whose arms, tasks and conversations are hostile; one arm has no effect to report."""
    known = {"difference": -0.2, "difference_low": -0.3, "difference_high": -0.1, "p_holm": 0.001, "remark": None}
    unknown = {**dict.fromkeys(known), "remark": "not delivered: no effect is reported"}
    columns = [["arm", "arm", "text"], *([name, name, "share"] for name in ("difference", "difference_low", "difference_high"))]
    arms = [{"arm": text, "reward": None if n else 1.0, "lines": [["user", text], ["agent calls", text]]} for n, text in enumerate(HOSTILE)]
    return {
        "reference": HOSTILE[0],
        "conclusions": list(HOSTILE),
        "forest": [{"arm": text, **(unknown if n == 1 else known)} for n, text in enumerate(HOSTILE)],
        "tables": [{"title": HOSTILE[0], "note": "", "columns": columns, "rows": [[text, -0.2, -0.3, -0.1] for text in HOSTILE]}],
        "conversations": [{"domain": "retail", "task": text, "arms": arms} for text in HOSTILE],
    }


def strange_agent(folder: Path) -> LogAnalyzer:
    """A recording whose tools, arguments and errors are hostile, of 12 tasks with 4 trials each; every third trial fails."""
    calls = [recordings.call(tool, error=f"Error: {tool} not found", **{tool: tool}) for tool in HOSTILE]
    runs = [
        recordings.simulation(
            f"{HOSTILE[n % 6]}{n}", trial, [recordings.call("look", order_id="#1"), *calls[: n % 5]], float(trial % 3 < 2), 100 * n + 7
        )
        for n in range(12)
        for trial in range(4)
    ]
    tasks = [recordings.task(f"{HOSTILE[n % 6]}{n}", recordings.action(HOSTILE[n % 6], x=HOSTILE[0])) for n in range(12)]
    return LogAnalyzer(recordings.write(folder / "strange.json", recordings.results(tasks, runs)))


FOLLOW = """
    const [route, done] = arguments;
    if (location.hash === route) return done();
    addEventListener("hashchange", () => setTimeout(done), {once: true});
    location.hash = route;
"""


@pytest.fixture
def show(browser: Any, reports: dict[str, Path]) -> Iterator[Any]:
    """Opens a page of a report, by its address or, from another page of it, as a link does; after the test the console must be empty."""
    here: list[tuple[str, str]] = []

    def opened(name: str, route: str = "#/", theme: str = "light") -> Any:
        if here == [(name, theme)]:
            browser.execute_async_script(FOLLOW, route)
            return browser
        here[:] = [(name, theme)]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
        browser.get("about:blank")
        browser.get(f"{reports[name].as_uri()}{route}")
        drawn = "return location.protocol === 'file:' && document.querySelector('main h1') !== null"
        until(lambda: bool(browser.execute_script(drawn)))  # `get` has been seen to come back before the page was there
        return browser

    browser.get_log("browser")
    yield opened
    assert browser.get_log("browser") == []


def all_of(browser: Any, selector: str) -> list[Any]:
    found: list[Any] = browser.find_elements("css selector", selector)
    return found


def column(browser: Any, heading: str) -> list[str]:
    """The texts of a column of the first table."""
    return list(
        browser.execute_script(
            "const table = document.querySelector('table');"
            "const at = [...table.querySelectorAll('th')].findIndex((head) => head.textContent === arguments[0]);"
            "return [...table.querySelectorAll('tbody tr')].map((row) => row.cells[at].textContent)",
            heading,
        )
    )


def head(browser: Any, heading: str) -> Any:
    return next(button for button in all_of(browser, "th button") if button.text.split("\u2009")[0].strip() == heading)


def filter_by(browser: Any, words: str) -> None:
    field = all_of(browser, "input[type=search]")[0]
    field.clear()
    field.send_keys(words)


@pytest.mark.parametrize(("name", "theme"), [("two", "light"), ("two", "dark"), ("hostile", "dark"), ("large", "light")])
def test_every_page_opens_without_a_word_on_the_console_and_without_leaving_its_width(show: Any, name: str, theme: str) -> None:
    browser = show(name, theme=theme)
    links = browser.execute_script("return [...document.querySelectorAll('nav a')].map((link) => link.hash)")
    asked_for = set() if name == "large" else {"#/compare", "#/gates"}
    assert {"#/", "#/tasks", "#/latency", "#/time", "#/cost", "#/trouble", "#/about"} | asked_for == set(links)
    for route in links:
        show(name, route, theme)
        assert browser.execute_script("return document.documentElement.dataset.theme") == theme
        assert browser.find_element("css selector", "main h1").text
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_button_switches_between_light_and_dark(show: Any) -> None:
    browser = show("two")
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(background)
    browser.find_element("id", "theme").click()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    assert browser.execute_script(background) != light
    browser.find_element("id", "theme").click()
    assert browser.execute_script(background) == light


def test_a_heading_sorts_down_then_up_then_not_and_what_is_absent_comes_last(show: Any) -> None:
    browser = show("two", "#/tasks")
    before = column(browser, "reward")
    seen = []
    for _ in range(3):
        head(browser, "reward").click()
        seen.append(column(browser, "reward"))
    absent = before.count("-")
    assert absent > 0
    known = sorted(float(cell) for cell in before if cell != "-")
    assert [float(cell) for cell in seen[0][:-absent]] == known[::-1]
    assert [float(cell) for cell in seen[1][:-absent]] == known
    assert seen[0][-absent:] == seen[1][-absent:] == ["-"] * absent
    assert seen[2] == before


def test_the_filter_takes_words_a_column_s_word_and_a_column_s_number(show: Any) -> None:
    browser = show("two", "#/tasks")
    every = len(column(browser, "status"))
    filter_by(browser, "airline")
    assert set(column(browser, "domain")) == {"airline"}
    assert len(column(browser, "domain")) == 10
    filter_by(browser, "status:error")
    assert set(column(browser, "status")) == {"error"}
    filter_by(browser, "reward<1 retail")
    assert set(column(browser, "reward")) == {"0"}
    assert set(column(browser, "domain")) == {"retail"}
    filter_by(browser, "nothing has this")
    assert column(browser, "status") == []
    filter_by(browser, "")
    browser.find_element("css selector", "input[type=search]").send_keys(" ")
    assert len(column(browser, "status")) == every == 24


def test_a_task_s_page_shows_its_calls_and_steps_and_is_reached_from_the_table_and_by_its_address(
    show: Any, reports: dict[str, Path]
) -> None:
    browser = show("two", "#/tasks")
    link = next(link for link in all_of(browser, "td a") if link.text == "3")
    target = link.get_attribute("href")
    link.click()
    assert browser.current_url == target
    assert browser.find_element("css selector", "h1 .badge").text in ("Solved", "Not solved", "Not scored")
    titles = [title.text for title in all_of(browser, "h2")]
    assert titles == ["Where the time went (exclusive)", "Timeline", "Calls", "Steps"]
    log = load_log(reports["two"].parent.parent / "tau2_two.log")
    domain = browser.find_element("css selector", "h1").text.split()[0]
    mine = log.calls[(log.calls["task"] == "3") & (log.calls["domain"] == domain)]
    assert len(column(browser, "call")) == len(mine)
    assert sorted(column(browser, "line of the log")) == sorted(f"{line:,}" for line in mine["line"])
    browser.get("about:blank")
    browser.get(target)
    assert [title.text for title in all_of(browser, "h2")] == titles


def test_a_broken_gate_stands_out_and_a_failed_call_s_time_is_infinite(show: Any) -> None:
    browser = show("two", "#/gates")
    assert column(browser, "status") == ["broken", "met"]
    assert column(browser, "value") == ["infinite", "$0.50"]
    assert column(browser, "detail")[0] == "<b>1 of 2</b> failed"


def test_an_address_that_names_nothing_says_so(show: Any) -> None:
    for route in ("#/task/retail/999/0/1", "#/task/%zz", "#/nowhere", "#/task"):
        browser = show("two", route)
        assert browser.find_element("css selector", "h1").text.startswith("No such")


def test_zooming_changes_the_drawing_and_fit_brings_it_back(show: Any) -> None:
    browser = show("large")
    pixels = "return document.querySelector('canvas').toDataURL()"
    wait = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
    browser.execute_async_script(wait)
    whole = browser.execute_script(pixels)
    browser.find_element("css selector", "button[aria-label='zoom in']").click()
    browser.execute_async_script(wait)
    assert browser.execute_script(pixels) != whole
    next(button for button in all_of(browser, "button") if button.text == "Fit").click()
    browser.execute_async_script(wait)
    assert browser.execute_script(pixels) == whole


def test_a_run_of_two_thousand_simulations_fits_a_screen_and_pages_its_table(show: Any) -> None:
    browser = show("large")
    assert browser.find_element("css selector", "canvas").size["height"] <= 700
    browser = show("large", "#/tasks")
    assert len(column(browser, "task")) == 100
    assert f"{MANY:,} rows" in browser.find_element("css selector", "main").text
    next(button for button in all_of(browser, "button") if button.text == "Next").click()
    assert f"101 to 200 of {MANY:,}" in browser.find_element("css selector", "main").text


def test_a_hostile_log_runs_nothing_adds_no_element_and_is_shown_as_text(show: Any) -> None:
    browser = show("hostile", "#/tasks")
    shown = column(browser, "task")
    assert sorted(text.replace("\u2028", "").replace("\u2029", "") for text in shown) == sorted(
        t.replace("\u2028", "").replace("\u2029", "") for t in HOSTILE
    )
    routes = browser.execute_script("return [...document.querySelectorAll('nav a, td a')].map((link) => link.hash)")
    assert len(routes) >= 10
    for route in routes:
        show("hostile", route)
        assert browser.execute_script("return document.querySelector('h1').textContent")
        others = "document.querySelectorAll('iframe, object, embed, link, form, base').length"
        found = f"return [document.scripts.length, document.images.length, {others}]"
        assert browser.execute_script(found) == [2, 0, 0]
        assert browser.execute_script(
            "return [...document.querySelectorAll('a')].every((link) => link.getAttribute('href').startsWith('#/'))"
        )
        assert browser.execute_script("return window.hacked") is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_report_of_results_files_alone_has_the_pages_it_has_something_for(show: Any, theme: str) -> None:
    """No page of simulations and latencies nobody measured; on the others nothing on the console, nothing hostile runs."""
    browser = show("deep", theme=theme)
    links = browser.execute_script("return [...document.querySelectorAll('nav a')].map((link) => link.hash)")
    assert links == ["#/", "#/outcomes", "#/failures", "#/arguments", "#/behavior", "#/time", "#/about"]
    for route in links:
        show("deep", route, theme)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script("return [document.scripts.length, document.images.length, window.hacked ?? null]") == [2, 0, None]


def test_a_rate_shows_its_interval_and_the_flow_every_simulation(show: Any) -> None:
    """The point lies on its interval; the ribbons between two columns add up to the simulations that went on."""
    browser = show("deep", "#/outcomes")
    low, high, point = browser.execute_script(
        "const one = document.querySelector('svg.interval'), reach = one.querySelector('.reach');"
        "return [reach.getAttribute('x1'), reach.getAttribute('x2'), one.querySelector('.point').getAttribute('cx')].map(Number)"
    )
    assert 2 <= low <= point <= high <= 78
    browser = show("deep", "#/behavior")
    titles = browser.execute_script("return [...document.querySelectorAll('path.flow title')].map((title) => title.textContent)")
    first = [title.rsplit(": ", 1)[1].split(" of ")[0] for title in titles if title.startswith("look")]
    assert sum(map(int, first)) == 48


def test_an_experiment_shows_every_arm_and_conversation_and_runs_nothing(show: Any) -> None:
    """A row and a point for each arm that has an effect, with its interval in one column and at any width; a column for each arm of a
    conversation; texts of models stay texts."""
    browser = show("experiment", "#/experiment")
    assert len(all_of(browser, "svg.wide .point")) == len(HOSTILE) - 1
    assert "not delivered: no effect is reported" in browser.find_element("css selector", "svg").text
    low, high, point = browser.execute_script(
        "const reach = document.querySelector('svg.wide .reach'), point = document.querySelector('svg.wide .point');"
        "return [reach.getAttribute('x1'), reach.getAttribute('x2'), point.getAttribute('cx')].map(Number)"
    )
    assert low < point < high
    heads = browser.execute_script("return [...document.querySelectorAll('th')].filter((one) => !one.hidden).map((one) => one.textContent)")
    assert heads == ["arm", "difference"]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    assert browser.execute_script("return document.querySelector('svg text.tool').getBoundingClientRect().height") > 8
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    for number in range(len(HOSTILE)):
        show("experiment", f"#/conversations/{number}")
        assert len(all_of(browser, ".sides > .card")) == len(HOSTILE)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script("return [document.scripts.length, document.images.length, window.hacked ?? null]") == [2, 0, None]


def test_a_task_s_page_shows_waits_apart_and_leaves_out_tokens_that_are_not_known(show: Any, reports: dict[str, Path]) -> None:
    """Of 1 s: 300 ms waited before a retry, which the log has in other_ms. Cached tokens that no call told of are not 0."""
    browser = show("waited", "#/task/retail/0/0/1/0")
    legend = next(piece.text for piece in all_of(browser, ".legend"))
    assert "retry wait 300 ms 30.0 %" in " ".join(legend.split())
    assert "other 700 ms" in legend
    [tokens] = [tile.text for tile in all_of(browser, ".tile") if tile.text.startswith("tokens")]
    assert tokens.split("\n")[1:] == ["5k in", "150 out"]


def test_a_finding_leads_to_the_table_and_to_the_simulation_that_prove_it(show: Any) -> None:
    browser = show("two")
    [first, *_] = all_of(browser, ".findings li")
    links = [(link.text, link.get_attribute("hash")) for link in first.find_elements("css selector", "a")]
    for words, route in links:
        show("two", route)
        headings = [heading.text for heading in all_of(browser, "main h1, main h2")]
        named = words.split(":")[:2]  # domain and task of a simulation
        assert words in headings or headings[0].split()[:2] == named
    assert len(links) > 1


def test_the_link_of_a_finding_shows_its_table_below_the_heading_of_the_page(show: Any) -> None:
    browser = show("two", "#/trouble/Errors")
    top = "return [...document.querySelectorAll('h2')].find((one) => one.textContent === 'Errors').getBoundingClientRect().top"
    assert 0 <= browser.execute_script(top) < 500
    below = show("two", "#/time/Context%20growth")
    assert 0 <= below.execute_script(top.replace("Errors", "Context growth")) < 500


IN_VIEW = "const box = document.activeElement.getBoundingClientRect(); return 0 <= box.top && box.top < innerHeight"
SHOWN = "return document.querySelectorAll('.turn').length"


def unpacked(show: Any, route: str, name: str = "told") -> Any:
    """A page whose conversation has been unpacked."""
    browser = show(name, route)
    until(lambda: browser.execute_script(SHOWN) > 0)
    return browser


def test_the_list_names_causes_and_the_button_of_a_cause_leads_to_its_turn(show: Any) -> None:
    """Not solved comes first, with its cause; the button of the cause puts the keyboard's focus on the turn."""
    browser = show("told", "#/tasks")
    assert column(browser, "outcome") == ["Not solved", "Solved"]
    (cause, *_), (fault, *_) = column(browser, "likely cause"), column(browser, "whose fault")
    browser = unpacked(show, browser.execute_script("return document.querySelector('td a').hash"))
    assert browser.find_element("css selector", ".cause h2").text == f"Likely cause: {cause}"
    assert browser.find_element("css selector", ".fault h2").text == f"Whose fault: {fault}"
    button = browser.find_element("css selector", ".cause .jump")
    button.send_keys("\ue007")
    assert browser.execute_script("return document.activeElement.className").endswith("lost")
    assert f"Go to turn {browser.execute_script('return document.activeElement.id.slice(5)*1+1')}" == button.text


def test_two_clicks_lead_from_the_first_page_to_the_turn_that_lost_a_simulation(show: Any) -> None:
    """The list of simulations, then the likely cause of one: its page opens at that turn, with the keyboard's focus on it."""
    browser = show("told")
    browser.find_element("link text", "Simulations").click()
    all_of(browser, "td a")[1].click()
    until(lambda: browser.execute_script("return document.activeElement.className").endswith("lost"))
    assert browser.execute_script(IN_VIEW)
    assert browser.find_element("css selector", ".cause h2").text.startswith("Likely cause: ")


def test_what_was_said_called_and_returned_stays_text_at_every_width(show: Any) -> None:
    """Every hostile text of a conversation and of what stands beside it; the blocks are data, and nothing is added."""
    for route in ("#/task/retail/7/0/1/0", "#/beside/0/1"):
        browser = unpacked(show, route)
        for width in (1400, 390):
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            )
            browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert browser.execute_script(
            "return [document.images.length, document.querySelectorAll('iframe, object, embed, form').length]"
        ) == [0, 0]
        assert browser.execute_script("return [...document.scripts].filter((one) => !one.type).length") == 1
        assert browser.execute_script("return window.hacked") is None
    assert HOSTILE[0] in browser.execute_script("return document.querySelector('main').textContent")


def test_two_simulations_of_a_task_stand_side_by_side_and_the_first_differing_turn_is_marked(show: Any) -> None:
    browser = unpacked(show, "#/beside/0/1")
    marked = browser.execute_script("return [...document.querySelectorAll('.differs')].map((turn) => turn.id)")
    assert set(marked) == {"turn-1", "other-1"}


def test_a_page_without_conversations_says_so(show: Any) -> None:
    browser = show("untold", "#/task/retail/7/0/1/0")
    assert "Conversations were left out of this page (--no-content)." in browser.find_element("css selector", "main").text
    assert browser.execute_script("return document.scripts.length") == 2
    browser = show("two", "#/task/retail/3/0/1/3")
    assert "The conversation was not recorded" in browser.find_element("css selector", "main").text
