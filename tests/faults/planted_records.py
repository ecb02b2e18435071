"""Bugs planted in outputs, dead letters, journal and inputs: lost, repeated, changed, in another order."""

import json
from collections.abc import Callable
from dataclasses import replace

import msgspec

from schemas.journal import BatchJournal
from tests.faults.logs import Logs
from tests.faults.planted_logs import DEAD, JOURNAL, SCORES, changed, middle


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
    """Of a contact that was never erased: what an erased one was paid is in no sum any more."""
    erased = {entry.key for entry in logs.of(SCORES, 0) if entry.value is None}
    log, i = middle(logs, SCORES, lambda e: e.key not in erased and bool(json.loads(e.value or b"{}").get("awards")))
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
    for partition in range(logs.partitions):
        log = logs.of(SCORES, partition)
        log[:] = [e for e in log if e.value is not None]


def lose_crossing(logs: Logs) -> None:
    logs.of("leadstream.threshold-crossed", 1).pop()


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


IN_RECORDS: list[tuple[Callable[[Logs], None], str]] = [
    (lose_output, "lost output"), (repeat_output, "double output"), (change_id, "wrong output"),
    (change_version, "lost version"), (change_rulebook_version, "wrong output"), (change_award, "wrong ledger"),
    (swap_outputs, "wrong order"), (move_output_to_other_partition, "wrong output"),
    (lose_tombstones, "lost output"), (lose_crossing, "lost output"), (cut_journal, "lost journal"),
    (cut_journal, "lost input"), (write_as_zombie, "double journal"), (overlap_ranges, "double input"),
    (leave_input_unread, "lost input"), (lose_dead_letter, "lost dead letter"),
    (repeat_dead_letter, "double dead letter"), (change_reason, "wrong dead letter"),
    (change_dead_value, "wrong dead letter"), (leave_transaction_open, "wrong log"),
]  # fmt: skip
