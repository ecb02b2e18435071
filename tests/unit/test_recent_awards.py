"""What RecentAwards keeps in memory, and what it forgets."""

import tracemalloc
from collections.abc import Callable

import pytest

from stream_app.delivery.handler import Output
from stream_app.processing.output_headers import MINIMAL, HeaderList, cloudevents
from stream_app.reading.recent_awards import RecentAwards
from tests.unit.test_contact_queries import OUTPUT_BYTES, output
from tests.unit.web_fakes import SCORES, change

LIMIT = 10


def observe(recent: RecentAwards, partition: int, seq: int, *outputs: Output) -> None:
    recent.observe(partition, seq, {SCORES: outputs}, {SCORES: 100 + seq})


@pytest.mark.parametrize("asked_every", [1, 3, 1000])
def test_of_each_partition_at_most_twice_the_limit_is_kept(asked_every: int) -> None:
    recent = RecentAwards(SCORES, kept_bytes=LIMIT * OUTPUT_BYTES)
    keys: list[bytes] = []
    for seq in range(1, 101):
        made = output(1, f"c{seq}")
        keys.append(made[0] or b"")
        observe(recent, 0, seq, made)
        if seq % asked_every == 0:
            assert recent.newest(0, seq, keys[-1])
    kept = [key for key in keys if recent.newest(0, 100, key)]
    assert LIMIT // 2 <= len(kept) <= 2 * LIMIT + 2
    assert kept == keys[-len(kept) :]


def test_large_changes_are_fewer() -> None:
    recent = RecentAwards(SCORES, kept_bytes=LIMIT * OUTPUT_BYTES)
    for seq in range(1, 101):
        key, value, headers = output(1, f"c{seq}")
        observe(recent, 0, seq, (key, (value or b"") + b" " * 4 * OUTPUT_BYTES, headers))
    kept = [seq for seq in range(1, 101) if recent.newest(0, 100, output(1, f"c{seq}")[0] or b"")]
    assert 1 <= len(kept) <= 4 and kept[-1] == 100


@pytest.mark.parametrize("headers", [lambda: MINIMAL, lambda: cloudevents(change(), "score-changed", b"1:42")])
def test_memory_is_bounded_whatever_the_outputs_are(headers: Callable[[], HeaderList]) -> None:
    recent = RecentAwards(SCORES, kept_bytes=100_000)
    tracemalloc.start()
    try:
        for seq in range(1, 201):
            observe(recent, 0, seq, *((b"1:%d-%d" % (seq, n), None, headers()) for n in range(20)), output(1))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2 * 100_000


def test_erases_take_no_room_once_they_are_sorted() -> None:
    recent = RecentAwards(SCORES, kept_bytes=LIMIT * OUTPUT_BYTES)
    first = output(1, "first")
    observe(recent, 0, 1, first)
    for seq in range(2, 200):
        observe(recent, 0, seq, (b"1:away", None, []))
        assert recent.newest(0, seq, first[0] or b"")


def test_partitions_that_are_elsewhere_are_forgotten() -> None:
    recent = RecentAwards(SCORES, kept_bytes=LIMIT * OUTPUT_BYTES)
    here, away = output(1, "here"), output(1, "away")
    observe(recent, 0, 7, here)
    observe(recent, 1, 7, away)
    recent.keep({0})
    assert recent.newest(0, 7, here[0] or b"")
    assert recent.newest(1, 7, away[0] or b"") == []
    assert (recent.frontier(1, 7), recent.erased(1), recent.end(1)) == (None, None, 0)
    recent.learn(1, 7, 120)  # it is back, and has committed nothing since
    frontier = recent.frontier(1, 7)
    assert frontier is not None and (frontier.end, frontier.erased) == (120, 120)
