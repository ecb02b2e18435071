"""The steps of a batch that a live partition and the replay of its journal share, so that both do the same.

Laws: a step depends on its arguments alone, no I/O and no clock; a handler that raises, or that does not account for
every record, is a bug told with its type and the position (delivery law 9); what it says may be of a contact, and is
for the log alone.
"""

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Final

import msgspec

from schemas.journal import PARTITION_RECORD_KEY, PartitionRecord, Sweep
from stream_app.delivery.errors import HandlerFailed
from stream_app.delivery.handler import Batch, Effects, Handler, Record, Work

encode = msgspec.json.Encoder().encode

SLICE_BYTES: Final = 256 * 1024
HEADER_BYTES: Final = 64  # what a header counts for beside its text: an empty one is read and made an object too
_timestamp: Final = attrgetter("timestamp")


def feed(work: Work, source: str, partition: int, records: Iterator[Record], size: int) -> Iterator[tuple[int, int]]:
    """Apply records in slices; yield (records so far, newest timestamp so far) after each.

    A slice has at most ``size`` records, fewer of large ones, so that none holds the loop for long.
    """
    count, newest = 0, 0
    for chunk in slices(records, size):
        try:
            work.apply(source, chunk)
        except Exception as error:
            last = f" to {chunk[-1].offset}" if len(chunk) > 1 else ""
            where = f"{source}-{partition} offset {chunk[0].offset}{last}"
            raise HandlerFailed(f"the handler raised {_name(error)} at {where}", "a bug: see the log") from error
        count += len(chunk)
        newest = max(newest, *map(_timestamp, chunk))
        yield count, newest


def slices(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    """Yield records in lists of at most ``size``, fewer of large ones: keys, values and headers count."""
    # INVARIANT: a_slice_of_many_headers_is_short
    while True:
        chunk, filled = list[Record](), 0
        for record in islice(records, size):
            chunk.append(record)
            filled += len(record.value or b"") + len(record.key or b"")
            if headers := record.headers:
                filled += HEADER_BYTES * len(headers)
                if filled < SLICE_BYTES:  # else there may be many to add up
                    filled += sum(len(name) + len(told or b"") for name, told in headers)
            if filled >= SLICE_BYTES:
                break
        if not chunk:
            return
        yield chunk


def sweep_on(work: Work, sweep: Sweep, limit: int) -> Sweep:
    """Let at most ``limit`` more contacts be re-evaluated; return the part of the sweep that this was."""
    try:
        last = work.sweep(bytes.fromhex(sweep.to_key), limit)
    except Exception as error:
        where = f"in the sweep for version {sweep.version}"
        raise HandlerFailed(f"the handler raised {_name(error)} {where}", "a bug: see the log") from error
    return Sweep(sweep.version, sweep.to_key, sweep.to_key if last is None else last.hex(), done=last is None)


def finish(work: Work, until: int | None, limit: int, count: int, where: str = "a batch") -> Effects:
    """Let what is due by ``until`` act (None: nothing) and return the effects of a batch of ``count`` records."""
    try:
        if until is not None:
            work.due(until, limit)
        effects = work.finish()
    except Exception as error:
        raise HandlerFailed(f"the handler raised {_name(error)} at the end of {where}", "a bug: see the log") from error
    outcomes = effects.outcomes
    counted = outcomes.applied + outcomes.duplicate + outcomes.no_effect + outcomes.dead_letter
    if counted != count:
        raise HandlerFailed(f"the handler accounts for {counted} of {count} records of {where}", "a bug: see the log")
    return effects


def following(record: PartitionRecord, batch: Batch, handler: Handler) -> PartitionRecord:
    """Return a copy of the partition record for the batch to write into."""
    sweep = record.sweep
    if batch.version > record.rulebook_version and handler.needs_sweep(record.rulebook_version, batch.version):
        sweep = Sweep(batch.version, "", "")
    counters = {topic: msgspec.structs.replace(counter) for topic, counter in record.counters.items()}
    return msgspec.structs.replace(
        record, sources=dict(record.sources), newest=dict(record.newest), counters=counters, seq=batch.seq,
        rulebook_version=batch.version, sweep=sweep,
    )  # fmt: skip


def see(record: PartitionRecord, source: str, newest: int) -> None:
    """Write into the partition record how new the records of a source were."""
    record.newest[source] = max(newest, record.newest.get(source, 0))


def account(record: PartitionRecord, source: str, end: int, count: int, effects: Effects) -> None:
    """Move a source to ``end`` in the partition record, and count how its records ended."""
    counter, outcomes = record.counters[source], effects.outcomes
    counter.applied += outcomes.applied
    counter.duplicate += outcomes.duplicate
    counter.no_effect += outcomes.no_effect
    counter.dead_letter += outcomes.dead_letter
    counter.gaps += end - record.sources[source] - count
    record.sources[source] = end


def changes(effects: Effects, record: PartitionRecord) -> dict[bytes, bytes | None]:
    """Return all state records that a batch writes, the partition record last."""
    return {**effects.changes, PARTITION_RECORD_KEY: encode(record)}


def _name(error: Exception) -> str:
    return type(error).__name__
