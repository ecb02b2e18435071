"""Decay in the engine against the reference: random bodies, awards out of order, waits, edits; any batches."""

import json
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.outputs import ScoreChanged
from schemas.state import LINEAR_BYTES
from schemas.times import DAY_MS, format_time
from stream_app.delivery.handler import Effects
from stream_app.scoring import decay
from stream_app.scoring.due import clock_rules_changed
from stream_app.scoring.rulebook import Rulebook
from stream_app.scoring.sweep import shown_may_move, sweep
from tests.faults.reference_decaying_profile import Decaying, Told
from tests.scoring_kit import (
    ENGAGEMENT,
    SCORES,
    T0,
    Engine,
    FakeRecord,
    Fold,
    attributes,
    command,
    event,
    profile_record,
    rulebook,
    with_records,
)  # fmt: skip

HOUR = 3_600_000
RULES: list[dict[str, Any]] = [
    {"id": 1, "eventType": "email_open", "points": 25},
    {"id": 2, "eventType": "email_click", "points": 7, "group": "g"},
    {"id": 3, "eventType": "email_complaint", "points": -40, "group": "h"},
    {"id": 4, "eventType": "page_visit", "points": 1},
    {"id": 5, "eventType": "page_visit", "points": -9, "group": "g"},
    {"id": 9, "name": "Fits", "points": 30, "group": "g",
     "attribute": {"type": "attribute", "field": "fits", "op": "eq", "value": True}},
]  # fmt: skip
PAYS = {
    "email_open": [(25, None)], "email_click": [(7, "g")], "email_complaint": [(-40, "h")],
    "page_visit": [(1, None), (-9, "g")],
}  # fmt: skip


Watch = tuple[int, int, str | None]  # from which score on a fit rule over it pays, its points and group
WATCHES = st.sampled_from([None, (20, 30, "h"), (20, -30, "h"), (5, 100, "w"), (15, -12, "w")])


def watching(least: int, points: int, group: str | None) -> dict[str, Any]:
    score = {"type": "score", "op": "gte", "value": least}
    return {"id": 8, "name": "Watches", "points": points, "group": group, "attribute": score}


def a_decay(r: Random) -> dict[str, int] | None:
    if r.random() < 0.45:
        return {"halfLifeDays": r.choice([1, 2, 3, 7, 14, 14, 30, 365, 36_500])}
    if r.random() < 0.8:
        return {"percent": r.choice([1, 5, 10, 33, 50, 100, 100]), "periodDays": r.choice([1, 1, 7, 10, 30, 365])}
    return None


def a_body(r: Random) -> dict[str, Any]:
    groups = [
        {"name": "g", "max": r.choice([None, 10, 30]), "min": r.choice([None, -5, 3])},
        {"name": "h", "max": r.choice([None, 0]), "min": r.choice([None, -30])},
    ]
    return {
        "decay": a_decay(r), "groups": [one for one in groups if r.random() < 0.4],
        "floor": r.choice([None, None, 0]), "ceiling": r.choice([None, None, 60]),
        "thresholds": [
            {"value": value, "hysteresis": r.choice([0, 0, 3])} for value in (-20, 1, 10, 20, 50) if r.random() < 0.5
        ],
    }  # fmt: skip


def a_wait(r: Random) -> int:
    return r.choice([0, 0, 1, HOUR, 7 * HOUR, DAY_MS, DAY_MS + 1, 14 * DAY_MS, r.randrange(40 * DAY_MS)])


def played(
    r: Random, steps: int, room: int = LINEAR_BYTES, watch: Watch | None = None
) -> tuple[list[Told], list[Told], list[tuple[int, int]]]:
    """What the engine told and what the reference did; and what each shows at the end of every step."""
    body, at = a_body(r), r.choice([T0 - 5 * DAY_MS, T0, T0 + DAY_MS])
    rules = RULES if watch is None else [*RULES, watching(*watch)]
    engine = Fold(rulebook(*rules, **body, updatedAt=format_time(at)))
    wanted = Decaying(body, since=at, room=room, watch=watch)
    shown, fits = list[tuple[int, int]](), False
    engine.put(event("email_sent"))
    for _ in range(steps):
        engine.clock += a_wait(r)
        engine.wall = engine.clock + r.choice([0, 0, 0, HOUR, 3 * DAY_MS, 30 * DAY_MS])  # the clock lags (S60)
        clock, origin = engine.clock, f"t-0-{engine.count + 1}"
        what = r.choice(["event"] * 6 + ["wait", "wait", "set", "adjust", "reset", "edit", "edit", "fit"])
        engine.wait(clock)
        wanted.go_on(clock)
        if what == "event":
            kind = r.choice(list(PAYS))
            when = clock + r.choice([0, 0, -1, -HOUR, -3 * DAY_MS, -50 * DAY_MS, HOUR, 2 * DAY_MS])
            engine.put(event(kind, at=when))
            wanted.award(origin, PAYS[kind], when, looked(engine, when))
        elif what == "set":
            score = r.choice([-30, 0, 5, 20, 60])
            when = clock + r.choice([-HOUR, HOUR, 9 * DAY_MS])
            engine.put(command("set", origin, amount=score, at=when))
            wanted.set(origin, score, looked(engine, when))
        elif what == "adjust":
            when = clock - r.choice([0, DAY_MS, -DAY_MS])
            engine.put(command("adjust", origin, amount=12, at=when))
            wanted.award(origin, [(12, None)], when, looked(engine, when))
        elif what == "reset":
            when = clock + r.choice([0, HOUR])
            engine.put(command("reset", origin, at=when))
            wanted.reset(origin, looked(engine, when))
        elif what == "fit":
            fits = r.random() < 0.6
            when = clock + r.choice([0, HOUR])
            engine.put(attributes(at=when, fits=fits))
            wanted.pay_fit(origin, 30 if fits else 0, "g", looked(engine, when))
        elif what == "edit":
            body = a_body(r) if r.random() < 0.5 else {**body, "decay": a_decay(r)}
            updated_at = clock - r.choice([0, HOUR, -HOUR])
            record = profile_record(0, **body, updatedAt=format_time(updated_at))
            swept = take_effect(engine, with_records(engine.book, record))
            worth = 30 * fits if swept else None  # only a sweep asks fit rules, as after a reset
            wanted.edit(f"config-{engine.book.version}", body, updated_at, clock, worth, "g")
        shown.append((engine.score, wanted.shown))
    return told_by(engine), wanted.said, shown


def looked(engine: Fold, at: int) -> int:
    """When an input of a time is looked at: at that, where the clock lags behind it (decision 0015)."""
    return max(engine.clock, min(at, engine.wall))


def take_effect(engine: Fold, book: Rulebook) -> bool:
    """Let a rulebook take effect as the handler does; return whether anything may move, so that it swept."""
    needed = clock_rules_changed(engine.book, book) or shown_may_move(engine.book, book)
    engine.book = book
    if needed and engine.contact is not None:
        engine.contact, outputs = sweep(engine.contact, "1", "42", book, engine.clock)
        engine.outputs += outputs
    return needed


def told_by(engine: Fold) -> list[Told]:
    told: list[Told] = []
    for output in engine.outputs:
        if isinstance(output, ScoreChanged):
            origin = output.id.removesuffix("/default").removesuffix("-1-42")
            told.append(Told(origin, output.previous_score, output.score, []))
        else:
            told[-1].crossings.append((output.threshold, output.direction))
    return told


# The examples: another kind begun where nothing is left, then a late award, then an edit of the half-life.
@settings(max_examples=400)
@given(st.integers(0, 2**40), st.integers(1, 25), WATCHES)
@example(40604, 25, None)
@example(40728, 25, None)
@example(40925, 25, None)
def test_decay_tells_what_the_reference_says(seed: int, steps: int, watch: Watch | None) -> None:
    told, wanted, shown = played(Random(seed), steps, watch=watch)  # noqa: S311 - a repeatable draw
    assert told == wanted
    assert all(engine == reference for engine, reference in shown)


@settings(max_examples=150)
@given(st.integers(0, 2**40), st.integers(1, 25), st.integers(1, 400))
def test_what_a_line_keeps_is_joined_as_the_reference_joins_it(seed: int, steps: int, room: int) -> None:
    with patch.object(decay, "LINEAR_BYTES", room):
        told, wanted, shown = played(Random(seed), steps, room)  # noqa: S311 - a repeatable draw
    assert told == wanted
    assert all(engine == reference for engine, reference in shown)


@settings(max_examples=60)
@given(st.integers(0, 2**40), st.integers(1, 30))
def test_how_inputs_are_cut_into_batches_never_shows(seed: int, count: int) -> None:
    r = Random(seed)  # noqa: S311 - a repeatable draw
    body, clock, records = a_body(r), T0, list[FakeRecord]()
    for offset in range(count):
        clock += a_wait(r)
        key, when = r.choice("abc"), clock + r.choice([0, -HOUR, -20 * DAY_MS, HOUR])
        said = {"orgId": "1", "contactId": key, "type": r.choice(list(PAYS)), "occurredAt": format_time(when)}
        records.append(FakeRecord(offset, json.dumps(said).encode(), f"1:{key}".encode(), clock))
    book, end = rulebook(*RULES, **body), clock + 90 * DAY_MS
    whole = in_batches(Engine(book), records, end, [count], 10**6)
    sizes = [r.randint(1, 5) for _ in records]
    assert in_batches(Engine(book), records, end, sizes, r.randint(1, 3)) == whole


def in_batches(
    engine: Engine, records: list[FakeRecord], end: int, sizes: list[int], limit: int
) -> tuple[dict[bytes, list[bytes]], dict[bytes, bytes]]:
    """What is told of each contact, and the state that is left at the end."""
    told: dict[bytes, list[bytes]] = {}
    done = list[Effects]()
    start = 0
    for size in sizes:
        if start < len(records):
            done.append(engine.run(ENGAGEMENT, *records[start : start + size], until=0, limit=limit))
            start += size
    while (due := engine.handler.next_due(engine.state)) is not None and due <= end:
        done.append(engine.run(ENGAGEMENT, kind="clock", until=end, limit=limit))
    for effects in done:
        for key, value, _ in effects.outputs.get(SCORES, ()):
            told.setdefault(key or b"", []).append(value or b"")
    return told, engine.state.data
