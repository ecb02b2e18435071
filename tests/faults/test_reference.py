"""The reference itself, against the examples of semantics.md and vectors of other clients."""

import json
from typing import Any

import pytest

from tests.faults.otherwise import BODIES, RULES, Body
from tests.faults.reference import Reference
from tests.faults.reference_books import Books
from tests.faults.reference_codec import Record, Reject, decode, murmur2
from tests.faults.reference_pages import remembered, shown
from tests.faults.reference_rules import cross, filter_holds
from tests.faults.reference_sweeps import sweep_needed
from tests.faults.reference_values import Invalid, format_time, parse_time

NOW = 1_780_000_000_000
GOOD = b'{"orgId": 1, "contactId": 2, "type": "a"}'
ADJUST = b'{"kind": "adjust", "orgId": 1, "contactId": 2, "commandId": "c", '
R: list[dict[str, Any]] = [
    {"name": "delivered", "eventType": "email_delivered", "points": 1, "maxPerContact": 50},
    {"name": "opened", "eventType": "email_open", "points": 5, "maxPerContact": 10},
    {"name": "clicked", "eventType": "email_click", "points": 10, "maxPerContact": 20},
    {"name": "pricing", "eventType": "email_click", "points": 15, "maxPerContact": 3,
     "eventFilter": {"url": "/pricing"}},
    {"name": "demo", "eventType": "tag_added", "points": 30, "maxPerContact": 1, "eventFilter": {"tagName": "demo"}},
    {"name": "onboarded", "eventType": "custom_event", "points": 25, "maxPerContact": 1,
     "eventFilter": {"name": "onb"}},
]  # fmt: skip


class Told:
    """A reference over one partition that is told events and commands in a few words."""

    def __init__(self) -> None:
        profile = {"thresholds": [50]}
        config: list[tuple[int, bytes | None, bytes | None]] = [(0, b"profile:1:default", json.dumps(profile).encode())]
        config += [(n, f"rule:1:{n}".encode(), json.dumps(rule).encode()) for n, rule in enumerate(R, start=1)]
        self.version = len(config)
        self.reference = Reference(config, 1)
        self.offset = 0

    def record(self, role: str, body: dict[str, Any] | None) -> Record:
        value = None if body is None else json.dumps({"orgId": 1, "contactId": 42, **body}).encode()
        self.offset += 1
        return Record(role, role, 0, self.offset, NOW, b"1:42", value)

    def event(self, kind: str, **properties: Any) -> int:
        self.reference.apply(self.record("engagement", {"type": kind, "properties": properties}), self.version)
        return self.score

    def command(self, **body: Any) -> str:
        body = {"commandId": f"c{self.offset}", **body}
        return self.reference.apply(self.record("commands", body), self.version)

    @property
    def score(self) -> int:
        return self.reference.contacts[b"1:42"]["profiles"]["default"]["shown"]


def test_the_first_example_scores_1_6_31_61_and_crosses_50_once() -> None:
    told = Told()
    steps = (
        ("email_delivered", {}),
        ("email_open", {}),
        ("email_click", {"url": "/pricing"}),
        ("tag_added", {"tagName": "demo"}),
    )
    assert [told.event(kind, **properties) for kind, properties in steps] == [1, 6, 31, 61]
    crossed = told.reference.outputs["threshold-crossed"]
    assert [(body["threshold"], body["direction"]) for _, body in crossed if body] == [(50, "up")]


def test_the_second_example_scores_400() -> None:
    told = Told()
    kinds: list[tuple[str, dict[str, Any]]] = [("email_delivered", {})] * 60 + [("email_open", {})] * 12
    kinds += [("email_click", {"url": "/other"})] * 20 + [("email_click", {"url": "/pricing"})] * 5
    for kind, properties in kinds:
        told.event(kind, **properties)
    told.event("tag_added", tagName="demo")
    told.command(kind="untag", tag="demo")
    told.event("tag_added", tagName="demo")
    # 50 + 50 + 200 + 45 + 30 + 25
    assert told.event("custom_event", name="onb") == 400


def test_adjust_set_reset_and_erase() -> None:
    told = Told()
    assert told.command(kind="set", score=45) == "applied"
    assert told.command(kind="set", score=45) == "no_effect"
    assert (told.command(kind="adjust", points=25), told.score) == ("applied", 70)
    assert (told.command(kind="adjust", points=-10), told.score) == ("applied", 60)
    assert told.command(kind="adjust", points=2**63 - 1) == "dead_letter"
    assert (told.command(kind="reset"), told.score) == ("applied", 0)
    assert told.command(kind="adjust", points=1, commandId="c1") == "duplicate"
    erase = told.record("contacts", None)
    assert told.reference.apply(erase, told.version) == "applied"
    assert told.reference.apply(erase, told.version) == "no_effect"
    assert told.command(kind="adjust", points=1, commandId="c1") == "applied"
    bodies = [body for _, body in told.reference.outputs["score-changed"]]
    assert [body and body["version"] for body in bodies] == [1, 2, 3, 4, None, 1]
    assert [body["awards"][0]["reason"] for body in bodies if body] == [
        "import", "Manual adjustment", "Manual adjustment", "reset", "Manual adjustment",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "held", "crossed", "still"),
    [
        (0, 60, [], [(25, "up"), (50, "up")], []),
        (60, 45, [], [], [50]),
        (45, 55, [50], [], []),
        (45, 39, [50], [(50, "down")], []),
        (60, 10, [], [(50, "down"), (25, "down")], []),
        (50, 50, [], [], []),
        (0, -1, [], [(0, "down")], []),
    ],
)
def test_s40_crossings(before: int, after: int, held: list[int], crossed: list[Any], still: list[int]) -> None:
    thresholds = [(0, 0), (25, 0), (50, 10)]
    assert cross(thresholds, before, after, held) == (crossed, still)


@pytest.mark.parametrize(
    ("event_filter", "properties", "holds"),
    [
        (None, {}, True), ({}, {}, True), ({"a": 1}, {}, False), ({"a": 1}, {"a": "1"}, False),
        ({"a": 1}, {"a": 1.0}, True), ({"a": 1}, {"a": True}, False), ({"a": []}, {"a": []}, False),
        ({"a": [1, 2]}, {"a": 2}, True),
        ({"a": [1, 2]}, {"a": [5, 2]}, True), ({"a.b": 1}, {"a": {"b": 1}}, True),
        ({"a.b": 1}, {"a.b": 2, "a": {"b": 1}}, False),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, False), ({"a": "X/"}, {"a": "x/"}, False),
    ],
)  # fmt: skip
def test_s11_filters(event_filter: Any, properties: Any, holds: bool) -> None:
    assert filter_holds(event_filter, properties) is holds


def test_visits_that_are_remembered_from_their_numbers_show_the_same() -> None:
    visits = {"rules": {1: {"hits": 3, "times": [5, 9], "spent": 0}, 2: {"hits": 0, "times": [], "spent": 70}},
              "open": {"at": 9, "rules": {2: True}}, "clicks": ["aa"]}  # fmt: skip
    assert shown(remembered(visits)) == visits


def test_murmur2_is_javas() -> None:
    vectors = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    assert {text: murmur2(text) for text in vectors} == {text: value & 0x7FFFFFFF for text, value in vectors.items()}


def test_times() -> None:
    assert format_time(parse_time("2026-03-01T14:30:00.12345-00:00")) == "2026-03-01T14:30:00.123Z"
    assert parse_time("1970-01-01t01:00:00+01:00") == 0
    for text in (
        "2026-02-30T00:00:00Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:60Z",
        "1969-12-31T00:00:00Z",
        "x",
        5,
    ):
        with pytest.raises(Invalid):
            parse_time(text)


@pytest.mark.parametrize(
    ("role", "key", "value", "reason"),
    [
        ("engagement", b"1:2", b"x" * 262_145, "too_large"),
        ("engagement", b"1:2", None, "not_json"),
        ("engagement", b"1:2", b"\xef\xbb\xbf{}", "not_json"),
        ("engagement", b"1:2", b'{"x": NaN}', "not_json"),
        ("engagement", b"1:2", b'"x"', "invalid_event"),
        ("engagement", b"1:2", b'{"orgId": 1, "contactId": 2, "type": "manual"}', "invalid_event"),
        ("engagement", b"1:2", GOOD[:-1] + b', "properties": {"x": 1e400}}', "invalid_event"),
        ("engagement", b"1:2", GOOD[:-1] + b', "x": ' + b"[" * 128 + b"]" * 128 + b"}", "invalid_event"),
        ("engagement", None, GOOD, "missing_key"),
        ("engagement", b"1:3", GOOD, "key_mismatch"),
        ("commands", None, b'{"kind": "merge"}', "unknown_command"),
        ("commands", b"1:2", ADJUST + b'"points": 5.0}', "invalid_command"),
        ("contacts", None, None, "missing_key"),
        ("contacts", b"nocolon", None, "key_mismatch"),
    ],
)  # fmt: skip
def test_dead_letter_reasons_in_the_contracts_order(
    role: str, key: bytes | None, value: bytes | None, reason: str
) -> None:
    assert decode(Record(role, role, 0, 0, NOW, key, value), 1) == Reject(reason)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [*(("profile", *pair) for pair in BODIES), *(("rule", *pair) for pair in RULES)],
)
def test_D15_what_is_only_written_otherwise_moves_nothing(kind: str, first: Body, second: Body) -> None:
    at = {"id": 1, "name": "Rule", "points": 1, "updatedAt": "2026-01-01T00:00:00Z"}
    if kind == "profile":
        at |= {"id": "default", "decay": {"halfLifeDays": 7}}
    key = f"{kind}:1:{at['id']}".encode()
    for one, other in ((first, second), (second, first)):
        books = Books([(n, key, json.dumps(at | body).encode()) for n, body in enumerate((one, other))])
        assert not sweep_needed(books.at(1), books.at(2))
        assert books.at(1).clock("1").version == books.at(2).clock("1").version == (0 if "attribute" in one else 1)
