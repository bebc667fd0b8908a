"""A tool call's arguments: checked against the tool's schema, measured, and searched for what is sensitive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tau2_logging.events import Sensitive
from tau2_logging.events.argument_size import leaves_of, walk
from tau2_logging.events.secrets.masking import mask_signed, mask_text
from tau2_logging.logger.content.argument_shape import Check, Signature, check_arguments, copied, json_type, shape_of
from tau2_logging.logger.content.call_fields import CallFields
from tau2_logging.logger.content.sensitive import (
    LEVELS,
    examine_sensitive,
    find_sensitive,
    holds_sign,
    is_card_number,
    is_suspect,
    kind_of,
    mask_personal,
    masked,
    tells,
)

SCHEMA: dict[str, Any] = {
    "$defs": {"Passenger": {"type": "object", "properties": {"dob": {"type": "string"}}, "required": ["dob"]}},
    "properties": {
        "cabin": {"enum": ["economy", "business"], "type": "string"},
        "bags": {"type": "integer"},
        "price": {"type": "number"},
        "note": {"type": "string", "default": None},
        "passengers": {"type": "array", "items": {"$ref": "#/$defs/Passenger"}},
        "anyone": {"anyOf": [{"$ref": "#/$defs/Passenger"}, {"type": "null"}]},
    },
    "required": ["cabin", "bags"],
}
SIGNATURE = Signature(SCHEMA)
RIGHT = {"cabin": "economy", "bags": 2}


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (RIGHT, {}),
        ({"cabin": "economy"}, {"missing": ("bags",)}),
        ({**RIGHT, "priority": 1}, {"unexpected": ("priority",)}),
        ({**RIGHT, "bags": "2"}, {"wrong_type": ("bags",)}),
        ({**RIGHT, "bags": True}, {"wrong_type": ("bags",)}),
        ({**RIGHT, "bags": 2.0}, {}),
        ({**RIGHT, "bags": 2.5}, {"wrong_type": ("bags",)}),
        ({**RIGHT, "price": 3}, {}),
        ({**RIGHT, "cabin": "first"}, {"outside_enum": ("cabin",)}),
        ({**RIGHT, "cabin": ["economy"]}, {"wrong_type": ("cabin",)}),
        ({**RIGHT, "note": None}, {}),
        ({**RIGHT, "note": 3}, {"wrong_type": ("note",)}),
        ({**RIGHT, "passengers": [{"dob": "1990-01-01"}, {"dob": 3}, {}]}, {"wrong_type": ("passengers[1].dob", "passengers[2].dob")}),
        ({**RIGHT, "anyone": None}, {}),
        ({**RIGHT, "anyone": {"dob": 3}}, {"wrong_type": ("anyone.dob",)}),
    ],
)
def test_arguments_are_checked_as_the_call_would_take_them(arguments: dict[str, Any], found: dict[str, Any]) -> None:
    """What is missing, unexpected, of the wrong type or outside an enum is named with its path; nothing else is, nor of other calls."""
    check = check_arguments(arguments, SCHEMA)
    assert SIGNATURE.check(arguments) == check
    problems = {name: getattr(check, name) for name in ("missing", "unexpected", "wrong_type", "outside_enum")}
    assert {name: value for name, value in problems.items() if value} == found
    assert check.valid == (not found)
    assert set(check.required_given) == {"cabin", "bags"} & arguments.keys()


TELLING = st.sampled_from(["cabin", "bags", "price", "note", "anyone", "api_key", "x[token", "dob", "phone", "pin", "file", "a b", ""])
SPEAKING = st.sampled_from(
    [
        "4242 4242 4242 4242",
        "42\n\n42 4242",
        "a@b.co",
        "1-555-867-5309",
        "sk-abcdefgh12",
        "1990-05-01",
        "economy",
        "a.pdf",
        "data:x/y;",
        "12:30",
    ]
)
PLAIN = st.dictionaries(TELLING, st.none() | st.booleans() | st.integers() | st.floats() | SPEAKING | st.text(max_size=5), max_size=5)


@given(PLAIN, st.sampled_from(LEVELS), st.sampled_from([SIGNATURE, Signature({}), None]))
def test_the_short_way_through_plain_arguments_finds_the_same(arguments: dict[str, Any], level: str, signature: Signature | None) -> None:
    """Names and types that were met before, values searched together: each field is what a look at each argument by itself gives."""
    shown, sensitive = examine_sensitive(arguments, leaves_of(arguments), level)
    check = signature.check(arguments) if signature is not None else Check()
    wanted = {"arguments": shown, **vars(shape_of(arguments)), **vars(check), "sensitive": sensitive}
    fields = CallFields(signature)
    assert repr(sorted(fields.of(arguments, level).items())) == repr(sorted(wanted.items()))
    other = {name: f"{value} " if isinstance(value, str) else value for name, value in arguments.items()}
    fields.of(other, level)
    assert repr(sorted(fields.of(arguments, level).items())) == repr(sorted(wanted.items()))


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
ARGUMENTS = st.dictionaries(st.text(max_size=6), st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=5)


@given(ARGUMENTS)
def test_complexity_is_a_share_that_grows(arguments: dict[str, Any]) -> None:
    """In 0..1, 0 for nothing, and no smaller for the same arguments with one more."""
    shape = shape_of(arguments)
    more = shape_of({**arguments, "one more argument": {"deep": ["x"]}})
    assert 0 <= shape.complexity <= more.complexity < 1
    assert shape_of({}).complexity == 0
    assert shape.argument_types == {name: json_type(value) for name, value in arguments.items()}


@pytest.mark.parametrize(
    ("arguments", "has_file"),
    [({"path": "x"}, True), ({"receipt": "scan.pdf"}, True), ({"x": "data:image/png;base64,AA"}, True), ({"profile": "a b"}, False)],
)
def test_a_file_is_seen_by_name_or_value(arguments: dict[str, Any], has_file: bool) -> None:
    """By whole words: a profile is no file."""
    assert shape_of(arguments).has_file == has_file


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"api_key": "abc"}, "secret"),
        ({"note": "use sk-abcdefghijklmnop"}, "secret"),
        ({"pin": "1234"}, "secret"),
        ({"spinning": "1234"}, None),
        ({"card": "4111 1111 1111 1111"}, "card_number"),
        ({"card": "4111 1111 1111 1112"}, None),
        ({"payment_id": "credit_card_4111111111111111"}, None),
        ({"who": "ann.lee@example.com"}, "email"),
        ({"contact": "call 555-123-2002"}, "phone"),
        ({"phone_number": "5551232002"}, "phone"),
        ({"phone_model": "5551232002"}, None),
        ({"dob": "1990-02-03"}, "date_of_birth"),
        ({"birth_place": "1990-02-03"}, None),
        ({"date": "2024-05-15"}, None),
        ({"order_id": "#W1234567890"}, None),
        ({"amount": 1234567}, None),
    ],
)
def test_sensitive_values_are_found_by_name_or_look(arguments: dict[str, Any], kind: str | None) -> None:
    """Each by its kind, and with `all` none of them stays; what only resembles one is left alone."""
    (name,) = arguments
    assert find_sensitive(arguments) == ((Sensitive(name, kind),) if kind else ())
    assert (masked(arguments, "all") != arguments) == (kind is not None)
    assert (masked(arguments, "secrets") != arguments) == (kind == "secret" and name != "pin")
    assert masked(arguments, "none") == arguments


@given(st.integers(10**14, 10**15 - 1))
def test_luhn_takes_one_check_digit_of_ten(digits: int) -> None:
    """For any 15 digits exactly one 16th makes a card number."""
    assert sum(is_card_number(f"{digits}{last}") for last in range(10)) == 1


def test_personal_data_goes_from_running_text() -> None:
    """E-mail, telephone, card and date of birth where it is called so; dates and ids stay."""
    text = 'ann@example.com paid 4111-1111-1111-1111, {"date_of_birth": "1990-02-03"}, +1 555-123-2002, on 2024-05-15 for #W2378156'
    assert mask_personal(text) == '*** paid ***, {"date_of_birth": "***"}, ***, on 2024-05-15 for #W2378156'


@given(
    st.lists(
        st.sampled_from(
            [
                "api_key=",
                "Bearer ",
                "BASIC\n",
                "basic",
                "\t",
                "token: ",
                "sk-",
                "hf_",
                "://a:",
                "@",
                "AbC123xyz456",
                " ",
                "x",
                "AKIA",
                "secret",
            ]
        )
    ).map("".join)
)
def test_looking_for_signs_first_hides_nothing(text: str) -> None:
    """The quick way masks what the whole way masks."""
    assert mask_text(text) == mask_signed(text)


NAMES = st.sampled_from(
    ["api_key", "a.token", "x[0]_token", "headers", "extra_body", "pin", "dob", "order_id", "card", "phone", "auth", "note"]
)
VALUES = st.sampled_from(
    ["", "sk-abcdefghijklmnop", "basic_economy", "4111 1111 1111 1111", "ann@example.com", "555-123-2002", "1990-02-03", "#W2378156",
     5551232002, None, True]
)  # fmt: skip
NESTED = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6)


LOOKS = st.lists(
    st.sampled_from(["4111", "1", "867", "5309", " ", "-", ".", "(", ")", "+", "#W", "\n", "a@b.co", "Basic", "x1"]), max_size=9
)


@given(NAMES, LOOKS.map("".join) | st.integers())
def test_what_is_not_looked_at_is_not_sensitive(name: str, value: Any) -> None:
    """The quick look passes over nothing that the whole one finds, in the value itself or in its JSON text."""
    if kind_of(name, value) is not None:
        assert is_suspect(name, value)
        assert holds_sign(str(value)) or tells(name)
        assert holds_sign(json.dumps(value)) or tells(name)


@given(st.dictionaries(NAMES, NESTED, max_size=4), st.sampled_from(LEVELS))
def test_looking_at_all_texts_together_finds_what_looking_at_each_finds(arguments: dict[str, Any], level: str) -> None:
    """The same values are masked and named, whatever lies beside them; the arguments themselves stay as they are."""
    before, leaves = copied(arguments), leaves_of(arguments)
    shown, found = examine_sensitive(arguments, leaves, level)
    kinds = [(name, kind_of(name, value)) for name, value in walk(arguments) if is_suspect(name, value)]
    assert leaves == list(walk(arguments))
    assert shown == masked(arguments, level)
    assert [(item.name, item.kind) for item in found] == [(name, kind) for name, kind in kinds if kind is not None]
    assert arguments == before
