"""The made-up load is the same for the same arguments, what it claims is in it is, and it fits the contract.

What a record is worth is judged by the fault oracle's decoder, which shares no code with generator or engine.
"""

from collections import Counter

import pytest

from stream_app.operations.generator import BROKEN, COMMANDS, CONTACTS, Record, generate
from stream_app.processing.placement import partition_of
from tests.faults import reference_codec as oracle
from topics.declarations import ENGAGEMENT

PARTITIONS = 8
NOW_MS = 1_772_000_000_000  # later than every event of the default span
EVERYTHING = {"bad_share": 0.2, "duplicate_share": 0.1, "commands_share": 0.5, "attributes_share": 0.5}


def judged(record: Record) -> object:
    """Return the decoded input, or the reason of the dead letter."""
    topic, key, value = record
    place = 0 if key is None else partition_of(key, PARTITIONS)
    found = oracle.decode(oracle.Record(topic, topic, place, 0, NOW_MS, key, value), PARTITIONS)
    return found.reason if isinstance(found, oracle.Reject) else found


def test_the_same_arguments_make_the_same_load() -> None:
    first = list(generate(7, 100, 2000, **EVERYTHING))
    assert first == list(generate(7, 100, 2000, **EVERYTHING))
    assert first != list(generate(8, 100, 2000, **EVERYTHING))


def test_events_counts_engagement_and_the_rest_comes_on_top() -> None:
    counts = Counter(topic for topic, _, _ in generate(1, 100, 4000, **EVERYTHING))
    assert counts[ENGAGEMENT] == 4000
    assert 1800 < counts[COMMANDS] < 2200 and 1800 < counts[CONTACTS] < 2200
    assert {topic for topic, _, _ in generate(1, 100, 500)} == {ENGAGEMENT}
    assert list(generate(1, 1, 0)) == []


def test_without_a_bad_share_every_record_is_valid() -> None:
    shape = EVERYTHING | {"bad_share": 0.0, "orgs": ("acme", "2")}
    verdicts = [judged(record) for record in generate(3, 50, 3000, **shape)]
    assert all(isinstance(verdict, dict) for verdict in verdicts)
    found = [verdict for verdict in verdicts if isinstance(verdict, dict)]
    assert {verdict["orgId"] for verdict in found} == {"acme", "2"}
    assert {verdict["kind"] for verdict in found if verdict["is"] == "command"} == {
        "adjust", "set", "tag", "untag", "reset",
    }  # fmt: skip
    assert {verdict["is"] for verdict in found} == {"event", "command", "attributes", "erase"}


@pytest.mark.parametrize("topic", BROKEN)
def test_every_way_of_breaking_a_record_gives_its_reason(topic: str) -> None:
    load = generate(5, 20, 50, commands_share=1.0, attributes_share=1.0, duplicate_share=0.0)
    key, value = next((key, value) for name, key, value in load if name == topic and value is not None)
    assert key is not None and value is not None
    for reason, breakers in BROKEN[topic].items():
        assert [judged((topic, *broken(key, value))) for broken in breakers] == [reason] * len(breakers)


def test_the_bad_share_is_met_with_every_reason() -> None:
    verdicts = [judged(record) for record in generate(2, 500, 5000, bad_share=0.1)]
    reasons = Counter(verdict for verdict in verdicts if isinstance(verdict, str))
    assert set(reasons) == set(BROKEN[ENGAGEMENT])
    assert 400 < reasons.total() < 600


def test_duplicates_are_near_and_byte_for_byte() -> None:
    seen: dict[bytes | None, int] = {}
    gaps = []
    for index, (_, _, value) in enumerate(generate(4, 500, 10_000, duplicate_share=0.1)):
        if value in seen:
            gaps.append(index - seen[value])
        seen[value] = index
    assert 900 < len(gaps) < 1100
    assert max(gaps) < 256  # within the engine's window of ids


def test_contacts_are_skewed_and_even_at_skew_zero() -> None:
    skewed = Counter(key for _, key, _ in generate(1, 1000, 20_000))
    even = Counter(key for _, key, _ in generate(1, 1000, 20_000, skew=0.0))
    assert skewed.most_common(1)[0][0] == b"1:1"
    assert skewed.most_common(1)[0][1] > 10 * max(even.values()) / 2
    assert max(even.values()) < 60


def test_late_events_lie_back_and_the_rest_are_in_order() -> None:
    in_order = [verdict["at"] for record in generate(1, 10, 1000, late_share=0.0, duplicate_share=0.0)
                if isinstance(verdict := judged(record), dict)]  # fmt: skip
    assert in_order == sorted(in_order)
    late = [verdict["at"] for record in generate(1, 10, 1000, late_share=0.3, duplicate_share=0.0)
            if isinstance(verdict := judged(record), dict)]  # fmt: skip
    behind = [at for at, on_time in zip(late, in_order, strict=True) if at < on_time]
    assert 250 < len(behind) < 350


@pytest.mark.parametrize(("contacts", "events"), [(0, 1), (1, -1)])
def test_impossible_sizes_are_refused(contacts: int, events: int) -> None:
    with pytest.raises(ValueError, match="at least one contact"):
        generate(1, contacts, events)
    with pytest.raises(TypeError):
        generate(1, 1, 1, no_such_share=1)
