"""Which contacts changed last: bounded, newest first, and honest about what is missing."""

from stream_app.reading.recent_changes import RecentChanges
from tests.scoring_kit import DEAD, SCORES

NOW = 1000


def outputs(*keys: str) -> dict[str, list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]]]:
    return {SCORES: [(key.encode(), b"{}", []) for key in keys]}


def newest(changes: RecentChanges, seq: int) -> list[tuple[str, int]]:
    return [(key.decode(), at) for key, at in changes.newest(0, seq, NOW).changed_at.items()]


def test_the_newest_change_of_each_contact_comes_first() -> None:
    changes = RecentChanges(SCORES)
    changes.observe(0, 1, outputs("a", "b", "a"), 10)
    changes.observe(0, 2, outputs("c", "b"), 20)
    changes.observe(0, 3, {DEAD: [(None, b"", [])]}, 30)
    assert newest(changes, 3) == [("b", 20), ("c", 20), ("a", 10)]
    assert changes.newest(0, 3, NOW).since == 0
    assert newest(changes, 4) == []  # another owner committed since


def test_it_is_bounded_and_says_so() -> None:
    changes = RecentChanges(SCORES, keys=3)
    changes.observe(0, 1, outputs("a", "b"), 10)
    changes.observe(0, 2, outputs("c"), 20)
    assert changes.newest(0, 2, NOW).since == 0
    changes.observe(0, 3, outputs("d", "e"), 30)
    assert newest(changes, 3) == [("e", 30), ("d", 30), ("c", 20)]
    assert changes.newest(0, 3, NOW).since == 11
    changes.observe(0, 4, outputs("f", "g", "h", "i"), 40)
    assert newest(changes, 4) == [("i", 40), ("h", 40), ("g", 40)]
    assert changes.newest(0, 4, NOW).since == 41  # one of that very moment is missing


def test_a_partition_that_was_away_begins_anew_and_says_since_when() -> None:
    changes = RecentChanges(SCORES)
    changes.observe(0, 7, outputs("a"), 10)
    assert changes.newest(0, 7, NOW).since == 10
    changes.observe(0, 9, outputs("b"), 20)
    assert newest(changes, 9) == [("b", 20)]
    assert changes.newest(0, 9, NOW).since == 20
    assert changes.newest(1, 0, NOW).since == 0
    assert changes.newest(1, 5, NOW).since == NOW
    changes.observe(1, 6, outputs("c"), NOW + 5)
    assert changes.newest(1, 6, NOW + 9).since == NOW  # nothing was committed between the question and that batch
