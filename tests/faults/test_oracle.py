"""The oracle is tested itself: an honest deployment is exact, and every planted bug is caught and named."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import pytest

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal
from tests.faults import reference
from tests.faults.honest import HonestEngine
from tests.faults.logs import Entry, Logs
from tests.faults.oracle import check
from tests.faults.reference_codec import Record

SEED, EVENTS, PARTITIONS = 7, 1500, 2
SCORES, DEAD, JOURNAL = "leadstream.score-changed", "leadstream.dead-letters", "leadstream.journal"
Found = tuple[list[Entry], int]


def engine() -> HonestEngine:
    return HonestEngine(SEED, EVENTS, PARTITIONS)


@cache
def honest() -> Logs:
    return engine().run()


def copy(logs: Logs) -> Logs:
    return replace(logs, entries={place: list(log) for place, log in logs.entries.items()})


def changed(entry: Entry, **fields: Any) -> Entry:
    """The entry with other fields in its JSON value."""
    return replace(entry, value=json.dumps(json.loads(entry.value or b"") | fields, separators=(",", ":")).encode())


def middle(logs: Logs, topic: str, wanted: Callable[[Entry], bool] = lambda e: e.value is not None) -> Found:
    """A log of partition 0 and the index of an entry near its middle."""
    log = logs.of(topic, 0)
    return log, next(i for i in range(len(log) // 2, len(log)) if wanted(log[i]))


def test_an_honest_deployment_is_exact() -> None:
    verdict = check(honest())
    assert verdict.ok, verdict.table()
    assert verdict.totals["contacts"] > 100
    assert min(verdict.totals[name] for name in ("applied", "duplicate", "no_effect", "dead_letter")) > 10


def test_empty_logs_are_not_ok() -> None:
    assert not check(Logs("leadstream", "leadstream", 1)).ok


# Bugs planted in the logs: the finding that must name each, and what is done.
def lose_output(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    del log[i]


def repeat_output(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    log.append(log[i])


def change_id(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    log[i] = changed(log[i], id="leadstream.engagement-0-99999/default")


def change_version(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    log[i] = changed(log[i], version=json.loads(log[i].value or b"")["version"] + 1)


def change_rulebook_version(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    log[i] = changed(log[i], rulebookVersion=1)


def change_award(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    awards = json.loads(log[i].value or b"")["awards"]
    log[i] = changed(log[i], awards=[{**awards[0], "points": awards[0]["points"] + 1}, *awards[1:]])


def swap_outputs(logs: Logs) -> None:
    log = logs.of(SCORES, 0)
    i, j = [i for i, e in enumerate(log) if e.key == b"1:2" and e.value][-2:]
    log[i], log[j] = log[j], log[i]


def move_output_to_other_partition(logs: Logs) -> None:
    log, i = middle(logs, SCORES)
    logs.of(SCORES, 1).append(log.pop(i))


def lose_tombstones(logs: Logs) -> None:
    for partition in range(PARTITIONS):
        log = logs.of(SCORES, partition)
        log[:] = [e for e in log if e.value is not None]


def lose_crossing(logs: Logs) -> None:
    logs.of("leadstream.threshold-crossed", 1).pop()


def write_stale_core(logs: Logs) -> None:
    log, i = middle(logs, logs.changelog, lambda e: e.key == b"1:2\x00c")
    log.append(log[i])


def write_stale_partition_record(logs: Logs) -> None:
    log, i = middle(logs, logs.changelog, lambda e: e.key == PARTITION_RECORD_KEY)
    log.append(log[i])


def write_core_of_other_contact(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    cores = {e.key: e for e in log if e.key and e.key.endswith(b"\x00c") and e.value}
    one, other = sorted(cores.items())[-2:]
    log.append(replace(one[1], value=other[1].value))


def lose_state(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    logs.entries[logs.changelog, 0] = [e for e in log if not (e.key or b"").startswith(b"1:2\x00")]


def lose_command_ids(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    last = {e.key: e for e in log if (e.key or b"").endswith(b"\x00k")}
    longest = max(last.values(), key=lambda e: len(e.value or b""))
    log.append(replace(longest, value=(longest.value or b"")[:-8]))


def count_wrong(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    last = next(e for e in reversed(log) if e.key == PARTITION_RECORD_KEY)
    counters = json.loads(last.value or b"")["counters"]
    counters["leadstream.engagement"]["applied"] -= 1
    counters["leadstream.engagement"]["duplicate"] += 1
    log.append(changed(last, counters=counters))


def lose_partition_record(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    logs.entries[logs.changelog, 0] = [e for e in log if e.key != PARTITION_RECORD_KEY]


def cut_journal(logs: Logs) -> None:
    del logs.of(JOURNAL, 0)[5]


def write_as_zombie(logs: Logs) -> None:
    log = logs.of(JOURNAL, 0)
    log.append(log[-3])


def overlap_ranges(logs: Logs) -> None:
    log = logs.of(JOURNAL, 1)
    first, last = (msgspec.json.decode(log[i].value or b"", type=BatchJournal) for i in (3, -1))
    last.inputs = first.inputs
    log.append(replace(log[-1], value=msgspec.json.encode(msgspec.structs.replace(last, seq=last.seq + 1))))


def leave_input_unread(logs: Logs) -> None:
    log = logs.of("leadstream.commands", 0)
    log.append(replace(log[0], offset=len(log)))


def lose_dead_letter(logs: Logs) -> None:
    logs.of(DEAD, 1).pop()


def repeat_dead_letter(logs: Logs) -> None:
    logs.of(DEAD, 0).append(logs.of(DEAD, 0)[0])


def change_reason(logs: Logs) -> None:
    log = logs.of(DEAD, 0)
    headers = dict(log[0].headers) | {"leadstream-reason": b"too_late"}
    log[0] = replace(log[0], headers=tuple(headers.items()))


def change_dead_value(logs: Logs) -> None:
    log, i = middle(logs, DEAD)
    log[i] = replace(log[i], value=b"{}")


def leave_transaction_open(logs: Logs) -> None:
    logs.unstable = [(SCORES, 0)]


IN_LOGS: list[tuple[Callable[[Logs], None], str]] = [
    (lose_output, "lost output"), (repeat_output, "double output"), (change_id, "wrong output"),
    (change_version, "lost version"), (change_rulebook_version, "wrong output"), (change_award, "wrong ledger"),
    (swap_outputs, "wrong order"), (move_output_to_other_partition, "wrong output"), (lose_tombstones, "lost output"),
    (lose_crossing, "lost output"), (write_stale_core, "stale state"),
    (write_stale_partition_record, "stale accounting"), (write_core_of_other_contact, "wrong ledger"),
    (lose_state, "lost state"), (lose_command_ids, "stale state"), (count_wrong, "wrong accounting"),
    (lose_partition_record, "lost accounting"), (cut_journal, "lost journal"), (cut_journal, "lost input"),
    (write_as_zombie, "double journal"), (overlap_ranges, "double input"), (leave_input_unread, "lost input"),
    (lose_dead_letter, "lost dead letter"), (repeat_dead_letter, "double dead letter"),
    (change_reason, "wrong dead letter"), (change_dead_value, "wrong dead letter"),
    (leave_transaction_open, "wrong log"),
]  # fmt: skip


@pytest.mark.parametrize(("plant", "name"), IN_LOGS, ids=lambda value: getattr(value, "__name__", value))
def test_a_bug_planted_in_the_logs_is_caught_and_named(plant: Callable[[Logs], None], name: str) -> None:
    logs = copy(honest())
    plant(logs)
    verdict = check(logs)
    assert name in verdict.names, verdict.table()
    assert not verdict.ok


# Bugs planted in the engine: it runs wrong and its logs agree with themselves.
class Skips(HonestEngine):
    """Counts ten events as applied and does nothing."""

    def apply(self, record: Record) -> str:
        if record.role == "engagement" and 100 <= record.offset < 110 and record.partition == 0:
            self.reference.counts[record.topic, 0]["applied"] += 1
            return "applied"
        return super().apply(record)


class AppliesTwice(HonestEngine):
    """Applies each 50th record again, having forgotten its id."""

    def apply(self, record: Record) -> str:
        outcome = super().apply(record)
        if outcome == "applied" and record.role == "engagement" and record.offset % 50 == 0:
            self.reference.contacts[record.key or b""]["events"].clear()
            self.reference.apply(record, self.version)
        return outcome


class IgnoresErase(HonestEngine):
    def apply(self, record: Record) -> str:
        return "no_effect" if record.value is None and record.role == "contacts" else super().apply(record)


class UsesOldRules(HonestEngine):
    """Scores with an older rulebook than its journal says."""

    def apply(self, record: Record) -> str:
        return self.reference.apply(record, 5 if record.offset > 200 else self.version)


class WrongRules(HonestEngine):
    """Reads the authored objects wrongly: each text is taken for another."""

    texts: tuple[tuple[bytes, bytes], ...] = ()

    def run(self) -> Logs:
        for old, new in self.texts:
            config = self.reference.config
            assert any(old in (value or b"") for _, _, value in config)
            self.reference.config = [(o, k, value and value.replace(old, new)) for o, k, value in config]
        return super().run()


class CapsOffByOne(WrongRules):
    texts = ((b'"maxPerContact": 3,', b'"maxPerContact": 4,'),)


class WrongThreshold(WrongRules):
    texts = ((b"[25,", b"[26,"),)


class ForgetsHysteresis(WrongRules):
    texts = ((b'"hysteresis": 10', b'"hysteresis": 0'),)


class IgnoresSite(WrongRules):
    texts = ((b'"siteId": "1", ', b""),)


IN_ENGINE = [
    (Skips, "lost output"), (AppliesTwice, "double output"), (AppliesTwice, "double state"),
    (IgnoresErase, "lost output"), (UsesOldRules, "wrong output"), (CapsOffByOne, "wrong output"),
    (WrongThreshold, "lost output"), (ForgetsHysteresis, "wrong output"), (IgnoresSite, "wrong output"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), IN_ENGINE)
def test_a_bug_planted_in_the_engine_is_caught_and_named(kind: type[HonestEngine], name: str) -> None:
    verdict = check(kind(SEED, EVENTS, PARTITIONS).run())
    assert name in verdict.names, verdict.table()
    assert not verdict.ok


def test_a_window_of_ids_that_is_too_short_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(reference, "WINDOW", 40)
        logs = engine().run()
    verdict = check(logs)
    assert "wrong output" in verdict.names, verdict.table()
