"""The hash of a view is tau2's hash of what it holds, whatever was changed, wherever; and what changed is told exactly."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, computed_field

from tau2_logging.environments.hashing import DatabaseHash, as_json
from tau2_logging.environments.records import clone
from tau2_logging.environments.state import FieldsState, SmallStates, ViewState
from tau2_logging.events import apply_changes


class Day(BaseModel):
    """A record of a record."""

    seats: dict[str, float]


class Holiday(Day):
    """A day of another class, dumped within a record as a day."""

    name: str


class Record(BaseModel):
    """A record of a database; many days are shared, too. Some have nights, which some of them write as their days."""

    name: str
    parts: list[int]
    days: dict[str, Day] = {}
    nights: dict[str, Day] = {}
    home: Day | None = None


class Database(BaseModel):
    """Two fields of records around one that is none, as tau2's databases may have them."""

    orders: dict[str, Record]
    note: str
    users: dict[str, Record]


class Toolkit:
    """What holds a database."""

    def __init__(self, database: Database) -> None:
        self.db = database


PRISTINE = Database(
    orders={
        f"#W{number:03d}": Record(
            name=f"order {number}",
            parts=[number],
            days={str(day): Day(seats={"a": 1.0}) for day in range(0 if number % 3 else 9)},
            nights={str(day): Day(seats={"a": 1.0 if number % 12 else 0.5}) for day in range(0 if number % 6 else 9)},
        )
        for number in range(100)
    },
    note="none",
    users={f"user_{number}": Record(name="é", parts=[], home=Day(seats={"b": 0.0})) for number in range(40)},
)
KNOWN = DatabaseHash(clone(PRISTINE))

FIELD = st.sampled_from(["orders", "users"])
KEYS = st.one_of(
    st.sampled_from([*PRISTINE.orders, *PRISTINE.users]),
    st.sampled_from([*PRISTINE.orders][::6]),
    st.sampled_from(["", "#W", "#W0505", "~", "a/b", "zz"]),
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["change", "remove", "put", "note", "read", "alike", "day", "night", "home"]), FIELD, KEYS, st.integers(0, 6)
    ),
    max_size=6,
)


def edit(database: Database, what: str, field: str, key: str, number: int) -> None:
    """One thing that a tool may do."""
    records: Any = getattr(database, field)
    if what == "note":
        database.note = str(number)
    elif what == "put":
        records[key] = Record(name="new", parts=[number])
    elif what == "read":
        list(records.values())
    elif key in records:
        if what == "remove":
            del records[key]
        elif what == "alike":
            _put_alike(records[key], number)
        elif what == "day":
            _change_days(records[key].days, number)
        elif what == "night":
            _change_days(records[key].nights, number)
        elif what == "home":
            records[key].home = [None, Day(seats={}), Day(seats={"b": 0.0}), records[key].home][number % 4]
        else:
            records[key].parts.append(number)


def _put_alike(record: Any, number: int) -> None:
    """What is equal in Python, and mostly not in JSON."""
    record.parts[:] = [[float(part), bool(part), part, 0][number % 4] for part in record.parts]
    if record.home is not None:
        record.home.seats.update({"b": [0, False, -0.0, 0.0][number % 4]})


def _change_days(days: Any, number: int) -> None:
    list(days.items())
    if number == 0:
        days.pop("3", None)
    elif number == 1:
        days["new"] = Day(seats={})
    elif "5" in days:
        if number < 4:
            days["5"].seats["a"] = [1.0, 2.0][number - 2]
        elif number == 4:
            days["5"] = Day(seats={"a": 1.0, "b": 3.0})
        elif number == 5:
            days["5"] = Holiday(seats={"a": 1.0}, name="is not dumped")
        else:
            days["4"].seats["a"], days["5"].seats["a"] = 4.0, 5.0


def told_hash(state: Any) -> str:
    return str(state.hash if isinstance(state.hash, str) else state.hash())


def tau2_hash(database: BaseModel) -> str:
    return hashlib.sha256(as_json(database)).hexdigest()


@given(EDITS)
def test_the_hash_of_a_view_is_tau2s(edits: list[tuple[str, str, str, int]]) -> None:
    """After any edits, of the first record, the last, one in between or one that is new."""
    view = clone(PRISTINE)
    for one in edits:
        edit(view, *one)  # type: ignore[arg-type]
    assert KNOWN.of(view) == tau2_hash(view)  # type: ignore[arg-type]
    assert KNOWN.digest(KNOWN.difference(view)) == KNOWN.of(view)


class Counted(BaseModel):
    """A record that is dumped with something made of its items."""

    days: dict[str, Day]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def seats(self) -> float:
        return sum(sum(day.seats.values()) for day in self.days.values())


class Counts(BaseModel):
    """A database of such records."""

    records: dict[str, Counted | Record]


def test_what_is_made_of_an_item_is_made_anew() -> None:
    """A record's text is the pristine one with another item in it only where nothing else depends on the item."""
    pristine = Counts(records={f"{n}": Counted(days={f"{day}": Day(seats={"a": 1.0}) for day in range(9)}) for n in range(9)})
    known, view = DatabaseHash(clone(pristine)), clone(pristine)
    view.records["3"].days["5"].seats["a"] = 2.0
    assert known.of(view) == tau2_hash(view) != tau2_hash(pristine)


def test_items_of_another_record_are_seen() -> None:
    """Also where a record has been given another one's, of the same names, and those were handed out."""
    days = [{f"{day}": Day(seats={"a": float(n)}) for day in range(9)} for n in range(9)]
    pristine = Counts(records={f"{n}": Record(name="", parts=[], days=one) for n, one in enumerate(days)})
    known, view = DatabaseHash(clone(pristine)), clone(pristine)
    view.records["3"].days = view.records["5"].days
    assert known.of(view) == tau2_hash(view) != tau2_hash(pristine)


@given(st.lists(EDITS, max_size=4))
@example([[("day", "orders", "#W012", 3), ("night", "orders", "#W012", 3)], [("day", "orders", "#W012", 2)]])
def test_each_call_is_told_apart(calls: list[list[tuple[str, str, str, int]]]) -> None:
    """Looked at after each call, the changes lead from hash to hash, to what is there in the end; nothing is left to notice."""
    view: Any = clone(PRISTINE)
    state = ViewState(Toolkit(view), KNOWN)
    told = json.loads(as_json(view))
    for edits in calls:
        state.before_call()
        for one in edits:
            edit(view, *one)
        told = apply_changes(told, state.examine(everything=False))
        assert told_hash(state) == tau2_hash(view) == hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    assert state.examine(everything=True) == ()
    assert told == json.loads(as_json(view))


@given(st.lists(EDITS, max_size=4), st.randoms())
def test_a_hash_that_is_made_later_is_that_of_its_moment(calls: list[list[tuple[str, str, str, int]]], random: Any) -> None:
    """Made after the database has been changed further, in any order, each hash is that of its own moment."""
    view: Any = clone(PRISTINE)
    state = ViewState(Toolkit(view), KNOWN)
    wanted, made = [], []
    for edits in calls:
        state.before_call()
        for one in edits:
            edit(view, *one)
        state.examine(everything=False)
        wanted.append(tau2_hash(view))
        made.append(state.hash)
    order = list(range(len(made)))
    random.shuffle(order)
    assert all((hash if isinstance(hash := made[at], str) else hash()) == wanted[at] for at in order)


class Small(BaseModel):
    """A database without records to share, as telecom's."""

    lines: list[Record]
    count: int
    note: str
    places: dict[str, float]


SMALL_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("lines"), st.lists(st.builds(Record, name=st.text(max_size=3), parts=st.lists(st.integers(0, 30))), max_size=2)),
        st.tuples(st.just("count"), st.integers(0, 130)),
        st.tuples(st.just("note"), st.sampled_from(["", "x", '","count":1', "é", '"}'])),
        st.tuples(st.just("places"), st.dictionaries(st.sampled_from(["a", "note", '"']), st.floats(0, 9), max_size=2)),
    ),
    max_size=3,
)
SMALL = SmallStates()


@given(st.lists(SMALL_EDITS, max_size=4))
def test_a_small_database_is_told_apart(calls: list[list[tuple[str, Any]]]) -> None:
    """One field changed or several, also by text that looks like another field: changes and hash are those of what is there."""
    database: Any = Small(lines=[], count=1, note="", places={})
    state = FieldsState(Toolkit(database), SMALL)
    told = json.loads(as_json(database))
    for edits in calls:
        for name, value in edits:
            setattr(database, name, value)
        told = apply_changes(told, state.examine(everything=False))
        assert told_hash(state) == tau2_hash(database)
        assert json.dumps(told, sort_keys=True) == as_json(database).decode()
