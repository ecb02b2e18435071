"""Folding `config`: how records are cut into pages never shows in the rulebook."""

import json
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.times import DAY_MS, format_time
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, ConfigRecord, Rulebook, fold
from tests.scoring_kit import T0, profile_record, published_record, rule_record

SILENCE: dict[str, Any] = {"inactivity": {"days": 3}}
FIT: dict[str, Any] = {"attribute": {"type": "tag", "op": "exists"}}
EVENT: dict[str, Any] = {"eventType": "email_open"}


def a_rule(r: Random) -> dict[str, Any]:
    what = r.choice([SILENCE, SILENCE, {"inactivity": {"days": 3, "repeat": True}}, FIT, EVENT])
    return {"id": r.randint(1, 3), "points": r.choice([1, 2]), "active": r.random() < 0.6, **what}


def a_record(r: Random, offset: int) -> ConfigRecord:
    """Any record of one org, of which some change nothing; each is written at a time of its own."""
    name, decay = r.choice(["buy", "fit"]), r.choice([None, {"halfLifeDays": 7}, {"percent": 10, "periodDays": 1}])
    what = r.choice(["rule", "rule", "rule", "default", "publish", "unpublish", "formula"])
    if what == "rule":
        made = rule_record(offset, **a_rule(r), profileId=r.choice(["default", "default", name]))
    elif what == "default":
        made = profile_record(offset, decay=decay, floor=r.choice([None, 0]))
    elif what == "formula":
        made = published_record(offset, name, formula={"average": [r.choice(["buy", "fit", "default"])]})
    else:
        rules = {rule["id"]: rule for rule in (a_rule(r) for _ in range(2))}
        made = published_record(offset, name, *rules.values(), decay=decay, version=offset + 1)
    said = {**json.loads(made.value or b""), "updatedAt": format_time(T0 + offset * DAY_MS)}
    if what == "unpublish":
        said["published"] = None
    gone = r.random() < 0.2
    return made._replace(value=None if gone else json.dumps(said).encode())


def said_by(book: Rulebook) -> list[Any]:
    org = book.org("1")
    rules = {event_type: [rule.id for rule in of_type._always] for event_type, of_type in org.by_type.items()}  # pyright: ignore[reportPrivateUsage]
    return [org.clock, org.authored, org.published, org.profile, org.shapes, list(org.rules.items()), rules, org.plain]


@settings(max_examples=300)
@given(st.integers(0, 2**40), st.integers(1, 15))
def test_how_records_are_cut_into_pages_never_shows(seed: int, count: int) -> None:
    r = Random(seed)  # noqa: S311 - a repeatable draw
    records = [a_record(r, offset) for offset in range(count)]
    whole = fold(EMPTY_RULEBOOK, records)
    book, ignored = EMPTY_RULEBOOK, list[Any]()
    for record in records:
        folded = fold(book, [record])
        book, ignored = folded.rulebook, [*ignored, *folded.ignored]
    assert said_by(book) == said_by(whole.rulebook)
    assert tuple(ignored) == whole.ignored
