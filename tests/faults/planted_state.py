"""Bugs planted in the changelog: state, partition records and counters that are not what they should be."""

import json
from collections.abc import Callable
from dataclasses import replace

import msgspec

from schemas.journal import PARTITION_RECORD_KEY
from schemas.state import HASH_BYTES, Core, Once
from tests.faults.logs import Entry, Logs
from tests.faults.planted_logs import changed, middle


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


IN_STATE: list[tuple[Callable[[Logs], None], str]] = [
    (write_stale_core, "stale state"), (write_stale_partition_record, "stale accounting"),
    (write_core_of_other_contact, "wrong ledger"), (lose_state, "lost state"),
    (lose_command_ids, "stale state"), (count_wrong, "wrong accounting"),
    (lose_partition_record, "lost accounting"), (lose_once_memory, "stale state"),
    (remember_once_wrongly, "wrong state"), (count_forgotten_wrong, "wrong state"),
]  # fmt: skip
