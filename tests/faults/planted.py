"""Bugs planted in the logs of an honest deployment: each breaks one thing; the table names what must be found."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, BatchJournal
from schemas.state import HASH_BYTES, Core, Once
from tests.faults.compare_ingest import ORIGIN, key_of
from tests.faults.logs import WEB, Entry, Logs
from tests.faults.reference_codec import Record, Reject

SCORES, DEAD, JOURNAL = "leadstream.score-changed", "leadstream.dead-letters", "leadstream.journal"
REKEYED = "leadstream.rekeyed"
Found = tuple[list[Entry], int]


def changed(entry: Entry, **fields: Any) -> Entry:
    """The entry with other fields in its JSON value."""
    return replace(entry, value=json.dumps(json.loads(entry.value or b"") | fields, separators=(",", ":")).encode())


def middle(logs: Logs, topic: str, wanted: Callable[[Entry], bool] = lambda e: e.value is not None) -> Found:
    """A log of partition 0 and the index of an entry near its middle."""
    log = logs.of(topic, 0)
    return log, next(i for i in range(len(log) // 2, len(log)) if wanted(log[i]))


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
    for partition in range(logs.partitions):
        log = logs.of(SCORES, partition)
        log[:] = [e for e in log if e.value is not None]


def lose_crossing(logs: Logs) -> None:
    logs.of("leadstream.threshold-crossed", 1).pop()


def write_stale_core(logs: Logs) -> None:
    """An earlier core that speaks of the same sections as the newest."""
    log = logs.of(logs.changelog, 0)
    cores = [(e, msgspec.msgpack.decode(e.value, type=Core)) for e in log if e.key == b"1:2\x00c" and e.value]
    newest = cores[-1][1]
    log.append(
        next(e for e, core in cores[-2::-1] if core != newest and (core.has, core.once) == (newest.has, newest.once))
    )


def write_stale_partition_record(logs: Logs) -> None:
    log, i = middle(logs, logs.changelog, lambda e: e.key == PARTITION_RECORD_KEY)
    log.append(log[i])


def write_core_of_other_contact(logs: Logs) -> None:
    log = logs.of(logs.changelog, 0)
    last = {e.key: e for e in log if e.key and e.key.endswith(b"\x00c")}
    cores = [(e, msgspec.msgpack.decode(e.value, type=Core)) for _, e in sorted(last.items()) if e.value]
    one, other = next(
        (one, other) for one, its in cores for other, others in cores
        if one.key != other.key and (its.has, its.once) == (others.has, others.once)
        and its.profiles["default"].total != others.profiles["default"].total
    )  # fmt: skip
    log.append(replace(one, value=other.value))


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


def of_web(logs: Logs) -> tuple[list[Entry], int, Entry]:
    """A log of ``rekeyed``, the index of an entry in it, and the entry; its consequences stay as they are."""
    log, i = middle(logs, REKEYED)
    return log, i, log[i]


def forward_twice(logs: Logs) -> None:
    log, _, entry = of_web(logs)
    log.append(replace(entry, offset=len(log)))


def lose_forwarded(logs: Logs) -> None:
    log, i, _ = of_web(logs)
    del log[i]


def forward_to_other_contact(logs: Logs) -> None:
    log, i, entry = of_web(logs)
    log[i] = replace(entry, key=b"1:2" if entry.key != b"1:2" else b"1:3")


def forward_what_is_refused(logs: Logs) -> None:
    topic = logs.topic(WEB)
    partition, bad = next(
        (p, e) for p in range(logs.web) for e in logs.of(topic, p)
        if isinstance(key_of(Record(WEB, topic, p, e.offset, e.timestamp, e.key, e.value)), Reject)
    )  # fmt: skip
    said = {ORIGIN[0]: topic.encode(), ORIGIN[1]: b"%d" % partition, ORIGIN[2]: str(bad.offset).encode()}
    log = logs.of(REKEYED, 0)
    log.append(replace(bad, offset=len(log), headers=tuple(said.items())))


def forward_out_of_order(logs: Logs) -> None:
    log, i, entry = of_web(logs)
    same = dict(entry.headers)[ORIGIN[1]]
    j = next(j for j in range(i + 1, len(log)) if dict(log[j].headers)[ORIGIN[1]] == same)
    log[i], log[j] = replace(log[j], offset=log[i].offset), replace(log[i], offset=log[j].offset)


def lose_dead_letter_of_web(logs: Logs) -> None:
    web = logs.topic(WEB).encode()
    log = logs.of(DEAD, 0)
    del log[next(i for i, e in enumerate(log) if dict(e.headers)["__streams.errors.topic"] == web)]


def change_once(logs: Logs, change: Callable[[Once], Once]) -> None:
    log = logs.of(logs.changelog, 0)
    last: dict[bytes, Entry] = {}  # by contact: the newest memory of any of its rules
    for entry in log:
        contact, _, section = (entry.key or b"").rpartition(b"\x00")
        if section.startswith(b"o"):
            last[contact] = entry
    found = [(entry, msgspec.msgpack.decode(entry.value, type=Once)) for entry in last.values() if entry.value]
    entry, once = next((entry, once) for entry, once in found if len(once.hashes) > HASH_BYTES)
    log.append(replace(entry, value=msgspec.msgpack.encode(change(once))))


def lose_once_memory(logs: Logs) -> None:
    change_once(logs, lambda once: msgspec.structs.replace(once, hashes=once.hashes[:-8]))


def remember_once_wrongly(logs: Logs) -> None:
    change_once(logs, lambda once: msgspec.structs.replace(once, hashes=once.hashes[:-8] + b"otherone"))


def count_forgotten_wrong(logs: Logs) -> None:
    change_once(logs, lambda once: msgspec.structs.replace(once, forgotten=once.forgotten + 1))


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
    (leave_transaction_open, "wrong log"), (forward_twice, "double ingest"), (lose_forwarded, "lost ingest"),
    (forward_to_other_contact, "wrong ingest"), (forward_what_is_refused, "wrong ingest"),
    (forward_out_of_order, "wrong ingest"), (lose_dead_letter_of_web, "lost dead letter"),
    (lose_once_memory, "stale state"), (remember_once_wrongly, "wrong state"), (count_forgotten_wrong, "wrong state"),
]  # fmt: skip
