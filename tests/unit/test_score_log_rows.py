"""Which rows of a contact's log may be shown, and what the local log keeps of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from schemas.outputs import Award, ScoreChanged
from stream_app.reading import award_rows, score_log
from stream_app.reading.award_rows import Asked, Run
from stream_app.reading.recent_awards import Frontier, RecentAwards, weight
from stream_app.reading.score_log import Held, ScoreLog
from stream_app.reading.score_log_store import (
    MARK_KEY,
    LogBroken,
    LogLocked,
    LogRecord,
    LogStalled,
    LogStore,
    Mark,
    shared_cache,
)
from tests.scoring_kit import Fold, event, published_record, rulebook, with_records
from tests.unit.web_fakes import SCORES, change

ALL = Asked("default", 10_000)
KEY = b"1:42"
MARK = Mark(7, b"digest")


def ids(run: Run) -> list[int]:
    return [row.award.log_id for row in run.rows]


def paid(profile_id: str, *log_ids: int) -> ScoreChanged:
    awards = [Award(n, 1, "Opened", 5, "Rule: Opened") for n in log_ids]
    return change("42", log_ids[-1], profile_id=profile_id, awards=awards)


@pytest.mark.parametrize(
    ("changes", "shown", "broken"),
    [
        ([paid("default", 3), paid("default", 1, 2)], [3, 2, 1], False),
        ([paid("default", 3), paid("default", 3), paid("default", 2), paid("default", 1)], [3, 2, 1], False),
        ([paid("default", 3), paid("default", 1)], [3], True),
        ([paid("default", 2), paid("default", 1)], [], True),
        ([paid("default", 5), paid("default", 3)], [3], False),
        ([paid("fit", 1, 3), paid("default", 2)], [3, 2, 1], False),
    ],
)
def test_a_run_ends_at_the_first_hole(changes: list[ScoreChanged], shown: list[int], broken: bool) -> None:
    run = Run(3, ALL)
    run.extend(changes)
    assert (ids(run), run.broken, run.reached) == (shown, broken, shown[-1:] == [1])


def test_a_run_has_enough_when_the_page_is_there() -> None:
    run = Run(6, Asked("default", 1, before=5))
    for log_id, enough in ((6, False), (5, False), (4, True)):
        run.add(paid("default", log_id))
        assert run.enough is enough
    run = Run(2, Asked("fit", 1))
    run.add(paid("default", 2))
    assert not run.enough
    run.add(paid("fit", 1))
    assert run.enough


def test_a_run_stops_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(award_rows, "ROWS_KEPT", 2)
    run = Run(9, ALL)
    run.extend([paid("default", 9), paid("default", 7, 8), paid("default", 6)])
    assert (ids(run), run.reached, run.broken) == ([9, 8], True, False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    store = opened(tmp_path)
    yield store
    store.close()


def opened(folder: Path) -> LogStore:
    return LogStore(folder / "log", shared_cache(), 0)


def records(first: int, last: int, key: bytes = KEY) -> list[LogRecord]:
    return [(key, msgspec.json.encode(paid("default", n))) for n in range(first, last + 1)]


def three_events(other: str, *own: int) -> list[LogRecord]:
    """Return what three events cause when rule 2 pays another profile and the ``own`` ones pay ``default``."""
    book = rulebook(*({"id": n, "eventType": "email_open", "points": 5} for n in own))
    fold = Fold(with_records(book, published_record(0, other, {"id": 2, "eventType": "email_open", "points": 7})))
    for _ in range(3):
        fold.put(event())
    return [(KEY, msgspec.json.encode(one)) for one in fold.changes]


def kept(store: LogStore, log_id: int, key: bytes = KEY) -> list[int]:
    run = Run(log_id, ALL)
    store.fill(key, run)
    return ids(run)


def test_rows_come_newest_first_and_only_of_their_contact(store: LogStore) -> None:
    store.write([*records(1, 3), *records(1, 2, b"1:4"), *records(1, 2, b"1:421")], MARK)
    assert kept(store, 3) == [3, 2, 1]
    assert kept(store, 2) == [2, 1]
    assert (kept(store, 2, b"1:4"), kept(store, 2, b"1:421"), kept(store, 1, b"1:9")) == ([2, 1], [2, 1], [])


def test_an_erase_deletes_rows_of_this_write_and_of_earlier_ones(store: LogStore) -> None:
    store.write([*records(1, 3), *records(1, 3, b"1:4")], MARK)
    store.write([*records(4, 5), (KEY, None)], MARK)
    assert (kept(store, 5), kept(store, 3, b"1:4")) == ([], [3, 2, 1])
    store.write([*records(1, 2), (KEY, None), *records(1, 1)], MARK)
    assert kept(store, 1) == [1]
    assert kept(store, 2) == []


def test_a_first_award_begins_the_log_anew(store: LogStore) -> None:
    store.write(records(1, 9), MARK)
    store.write([(KEY, msgspec.json.encode(paid("default", 1, 2)))], MARK)
    assert kept(store, 2) == [2, 1]
    assert kept(store, 9) == []


@pytest.mark.parametrize("other", ["campaign", "zeal"])
@pytest.mark.parametrize("cut", [0, 1])
def test_a_first_cause_that_pays_two_profiles_keeps_both(store: LogStore, other: str, cut: int) -> None:
    store.write(records(1, 9), MARK)
    told = three_events(other, 1)
    for part in (told[:cut], told[cut:], told):  # cut: amid the first cause; at last all again, as after a crash
        store.write(part, MARK)
    assert kept(store, 6) == [6, 5, 4, 3, 2, 1]
    assert kept(store, 9) == []


async def test_a_page_that_ends_within_a_cause_is_complete(tmp_path: Path) -> None:
    told, recent = three_events("engaged", 1, 3), RecentAwards(SCORES)
    log = ScoreLog(recent, tmp_path, 400)
    held = log.held[0] = Held(await log.open(0), 0, 0, len(told), proven=True)
    recent.learn(0, 9, len(told))
    await log.write(held, told, Mark(len(told) - 1, b"digest"))
    for profile_id, shown in (("default", [9, 7, 6, 4, 3, 1]), ("engaged", [8, 5, 2])):
        for limit in range(1, len(shown) + 2):
            asked = Asked(profile_id, limit)
            known = await log.rows(0, 9, KEY, 9, asked)
            assert [row.award.log_id for row in known.rows if asked.wants(row)][:limit] == shown[:limit]
            assert known.complete, asked
    await log.let_go(0)


async def test_a_page_above_a_hole_is_not_complete(tmp_path: Path) -> None:
    recent = RecentAwards(SCORES)
    log = ScoreLog(recent, tmp_path, 400)
    held = log.held[0] = Held(await log.open(0), 0, 0, 9, proven=True)
    recent.learn(0, 8, 9)
    await log.write(held, records(1, 6), Mark(5, b"digest"))  # 7 is not read yet
    recent.observe(0, 9, {SCORES: [(KEY, value, []) for _, value in records(8, 9)]}, {SCORES: 9})
    for limit in (1, 2, 3, 20):
        known = await log.rows(0, 9, KEY, 9, Asked("default", limit))
        assert ([row.award.log_id for row in known.rows], known.complete) == ([9, 8], False)
    await log.let_go(0)


def test_what_is_beyond_the_bound_is_trimmed(store: LogStore) -> None:
    store.write(records(1, 900), MARK)
    store.write(records(901, 1400), MARK)
    assert len(kept(store, 1400)) == 1000
    run = Run(400, ALL)
    assert store.fill(KEY, run) == (0, True) or min(ids(run)) > 1400 - 1000 - 128


def test_what_is_no_change_is_not_kept(store: LogStore) -> None:
    moved = msgspec.json.encode(change("42", 4, awards=[]))
    store.write([*records(1, 1), (KEY, moved), (KEY, b"\xff"), (KEY, b"{}"), (KEY, b"[]")], MARK)
    assert kept(store, 1) == [1]


def test_a_mark_is_never_ahead_of_its_rows(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(records(1, 3), MARK)
    broken: list[LogRecord] = [*records(4, 5), (KEY, None), *records(1, 1), (KEY, 7)]  # type: ignore[list-item]  # breaks
    with pytest.raises(LogBroken):
        store.write(broken, Mark(8, b"later"))
    store.close()
    store = opened(tmp_path)
    assert store.mark == MARK
    store.write([*records(4, 5), (KEY, None), *records(1, 2)], Mark(9, b"again"))  # what is not marked is written again
    assert (store.mark, kept(store, 2)) == (Mark(9, b"again"), [2, 1])
    store.close()


def test_rows_without_a_mark_are_of_another_layout_and_go(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.write(records(1, 3), MARK)
    store._db.delete(MARK_KEY)  # pyright: ignore[reportPrivateUsage] as a program with another layout left it
    store.close()
    store = opened(tmp_path)
    assert (store.mark, kept(store, 3)) == (None, [])
    store.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [("Result incomplete: Write stall", LogStalled), ("IO error: No space left on device", LogBroken)],
)
def test_a_write_that_the_disk_does_not_take_yet_is_told_apart(store: LogStore, said: str, kind: type) -> None:
    class Refusing:
        def iter(self, _: object) -> None:
            raise Exception(said)

    taken, store._db = store._db, Refusing()  # pyright: ignore[reportPrivateUsage] RocksDB cannot be made to stall
    with pytest.raises(LogBroken) as broken:
        store.write(records(1, 1), MARK)
    store._db = taken  # pyright: ignore[reportPrivateUsage] as above
    assert type(broken.value) is kind


async def test_a_stalled_write_is_tried_until_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_log, "STALL_SECONDS", 0)
    log = ScoreLog(RecentAwards(SCORES), tmp_path, 400)
    held = Held(await log.open(0), 0, 0, 0, True)
    write, stalls = held.store.write, [LogStalled("Write stall")] * 2

    def stalling(sent: Sequence[LogRecord], mark: Mark) -> int:
        if stalls:
            raise stalls.pop()
        return write(sent, mark)

    monkeypatch.setattr(held.store, "write", stalling)
    log.held[0] = held
    await log.write(held, records(1, 2), MARK)
    assert (held.position, log.read, kept(held.store, 2)) == (8, 2, [2, 1])
    await log.let_go(0)


def test_a_log_is_open_once(tmp_path: Path) -> None:
    store = opened(tmp_path)
    with pytest.raises(LogLocked):
        opened(tmp_path)
    store.close()


def test_rows_from_before_an_erase_that_nobody_saw_are_gone() -> None:
    recent = RecentAwards(SCORES, kept_bytes=3 * weight([(KEY, msgspec.json.encode(change("42", 1)), [])]))
    recent.observe(0, 1, {SCORES: [(KEY, value, []) for _, value in records(1, 2)]}, {SCORES: 2})
    assert [one.version for one in recent.newest(0, 1, KEY)] == [2, 1]
    recent.observe(0, 2, {SCORES: [(KEY, None, [])]}, {SCORES: 3})
    for seq in range(3, 7):
        recent.observe(0, seq, {SCORES: [(b"1:9", value, []) for _, value in records(1, 2)]}, {SCORES: 2 * seq})
    assert recent.newest(0, 6, KEY) == []
    assert recent.frontier(0, 6) == Frontier(12, 3)


def test_the_frontier_moves_with_batches_and_is_not_known_after_an_absence() -> None:
    recent = RecentAwards(SCORES)
    value = msgspec.json.encode(change("42", 1))
    recent.learn(0, 5, 100)
    assert recent.frontier(0, 5) == Frontier(100, 100)
    recent.observe(0, 6, {SCORES: [(KEY, value, [])]}, {SCORES: 110})
    assert recent.frontier(0, 6) == Frontier(110, 100)
    recent.observe(0, 7, {}, {})
    assert (recent.frontier(0, 7), recent.frontier(0, 6)) == (Frontier(110, 100), None)
    recent.observe(0, 8, {SCORES: [(KEY, None, [])]}, {SCORES: 120})
    assert recent.frontier(0, 8) == Frontier(120, 120)
    recent.learn(0, 8, 500)
    assert recent.frontier(0, 8) == Frontier(120, 120)
    recent.observe(0, 11, {}, {})
    assert (recent.frontier(0, 11), recent.erased(0), recent.end(0)) == (None, None, 0)
    recent.learn(0, 10, 130)  # asked before that batch was committed
    assert recent.frontier(0, 11) is None
    recent.observe(0, 12, {SCORES: [(KEY, value, [])]}, {SCORES: 150})
    assert recent.frontier(0, 12) == Frontier(150, 150)
