"""How numbers are written: each text means the number it was made of, in Python and on the page of report.html alike."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging import units
from tau2_logging.analysis import reports

SIZES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "µs": 1e-3, "ms": 1.0, "s": 1e3, "min": 6e4, "h": 3.6e6}
POSITIVE = st.floats(1e-9, 1e14)


def meant(text: str) -> float:
    """The number that a text says."""
    found = re.fullmatch(r"\$?([\d,.]+(?:e[+-]\d+)?) ?(\D*)", text)
    assert found, text
    return float(found[1].replace(",", "")) * SIZES[found[2]]


@given(POSITIVE)
def test_a_short_text_means_its_number_to_three_digits_and_never_has_four_before_its_unit(value: float) -> None:
    for text in (units.short_count(value), units.duration(value)):
        assert meant(text) == pytest.approx(value, rel=0.0051) or value < 1e-3
        if not text.endswith("h"):
            assert len(re.match(r"\d+", text)[0]) <= 3, text  # type: ignore[index]
        assert "e" not in text


@given(st.floats(1e-3, 1e14), st.floats(1e-3, 1e14))
def test_a_larger_number_is_never_written_as_a_smaller_one(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for write in (units.short_count, units.duration, units.money, units.milliseconds, units.number):
        assert meant(write(low)) <= meant(write(high)) * (1 + 1e-12)


@given(POSITIVE)
def test_money_means_its_sum_to_half_a_cent_and_to_two_digits_and_is_never_nothing(usd: float) -> None:
    text = units.money(usd)
    assert meant(text) > 0
    assert abs(meant(text) - usd) <= min(0.005 + 1e-15 * usd, 0.0501 * usd)
    assert units.money(-usd) == f"-{text}"
    assert re.fullmatch(r"\$[\d,]+\.\d\d+|\$\d(\.\d)?e[+-]\d+", text), text


@given(st.floats(0, 1))
def test_a_share_is_all_or_nothing_only_where_it_is(value: float) -> None:
    text = units.share(value)
    assert (text == "0.0 %") == (value <= 1e-9)
    assert (text == "100.0 %") == (value >= 1 - 1e-9)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_every_number_has_a_text_of_one_short_line(value: float) -> None:
    for write in (
        units.milliseconds, units.duration, units.count, units.short_count, units.money, units.share, units.number, units.reward
    ):  # fmt: skip
        assert 0 < len(write(value)) <= (24 if write is not units.reward else 400)


@pytest.mark.parametrize("nothing", [None, float("nan")])
def test_what_is_not_known_is_never_a_number(nothing: float | None) -> None:
    assert units.money(nothing) == "unknown"
    assert units.money(0) == "free"
    others = (units.milliseconds, units.duration, units.count, units.short_count, units.share, units.number, units.reward)
    assert {write(nothing) for write in others} == {"-"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (units.duration(0), "0"), (units.duration(0.084), "84 µs"), (units.duration(412.4), "412 ms"), (units.duration(999.96), "1 s"),
        (units.duration(1250), "1.25 s"), (units.duration(90_000), "90 s"), (units.duration(119_960), "2 min"),
        (units.duration(125_678), "2.09 min"), (units.duration(7_200_000), "2 h"),
        (units.clock(None), "-"), (units.clock(7.9), "0:07"), (units.clock(754), "12:34"), (units.clock(3723), "1:02:03"),
        (units.short_count(0), "0"), (units.short_count(987), "987"), (units.short_count(12_345), "12.3k"),
        (units.short_count(999_999), "1M"), (units.short_count(4_560_000), "4.56M"), (units.count(12_345), "12,345"),
        (units.money(0.00004), "$0.000040"), (units.money(0.00421), "$0.0042"), (units.money(0.01), "$0.01"),
        (units.money(0.0125), "$0.0125"), (units.money(0.5), "$0.50"), (units.money(0.9999), "$1.00"), (units.money(12.345), "$12.35"),
        (units.money(1234.5), "$1,234.50"), (units.share(0.123), "12.3 %"), (units.share(0.9997), ">99.9 %"),
        (units.share(0.0001), "<0.1 %"), (units.number(12_345.6), "12,346"), (units.milliseconds(0.084), "0.084"),
        (units.reward(0.5), "0.500"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_people_read_them(said: str, expected: str) -> None:
    assert said == expected


def test_the_page_writes_numbers_as_python_does() -> None:
    """dom.js run by node, over seventeen decades of numbers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    page = (Path(reports.__file__).parent / "html" / "assets" / "dom.js").read_text(encoding="utf-8")
    source = page[page.index("// Numbers are written") : page.index("// Colors")]
    values: list[float | None] = [None, 0, 0.9999, 0.00004, 999.96, 119_960, 999_999, 0.9997, 0.0001]
    values += [sign * 10.0**power * part for power in range(-9, 17) for part in (1.0, 1.2347, 4.56, 9.9961) for sign in (1, -1)]
    pairs = {"ms": units.duration, "usd": units.money, "count": units.short_count, "share": units.share, "number": units.number}
    script = f"{source}\nconst asked = {json.dumps(values)};\n" + (
        f"console.log(JSON.stringify({json.dumps(list(pairs))}.map((name) => asked.map((value) => show[name](value)))));"
    )
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, timeout=60, check=True)
    for (name, write), told in zip(pairs.items(), json.loads(done.stdout), strict=True):
        for value, text in zip(values, told, strict=True):
            expected = write(value)
            if not re.search(r"e[+-]", expected):  # exponents are written e+06 there and e+6 here
                assert text == expected, (name, value)
    assert math.isclose(meant(units.money(0.00004)), 0.00004)
