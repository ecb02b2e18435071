"""Restore and resume: how a partition gets from a fence to the exact place where the last committed batch ended.

Laws: nothing is read before the fence; the changelog is read to its end by position, because a log ends in a marker;
the partition record is the truth about positions (delivery law 6); a partition never starts from somewhere else, it
stops and names what is wrong (law 8).
Reads the changelog, the group's offsets and the ends of the sources; writes the local store.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.journal import JOURNAL_SCHEMA_VERSION, PARTITION_RECORD_KEY, PartitionRecord, SourceCounters
from stream_app.delivery.aiokafka_clients import partition_counts, restore_consumer, started, stop_consumer
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.job import Job
from stream_app.delivery.stores import Checkpoint, MemoryStore, Store
from stream_app.delivery.witness import GroupBehind, attested_offsets

RESTORE_CHUNK = 2000
# Tombstones may be compacted away after delete.retention.ms (7 days): an older local store could miss an erase.
STORE_MAX_AGE_MS = 3 * 24 * 3600 * 1000

decode_record = msgspec.json.Decoder(PartitionRecord).decode


@dataclass(slots=True)
class Opened:
    """Where the partition stands: ``end`` of its changelog; ``fresh`` when its first record is yet to be committed."""

    record: PartitionRecord
    restored_records: int
    end: int
    fresh: bool


def now_ms() -> int:
    """Return wall time in milliseconds."""
    return time.time_ns() // 1_000_000


async def open_partition(
    job: Job, partition: int, store: Store, producer: Any, warn: Callable[[str], None], progress: Callable[[int], None]
) -> Opened:
    """Bring the store to the changelog's end and return where to go on; PartitionStopped when it must not.

    ``producer`` has fenced the partition.
    """
    consumer = restore_consumer(job.client, job.name)
    try:
        await started(consumer)
        changelog = TopicPartition(job.changelog, partition)
        sources = [TopicPartition(topic, partition) for topic in job.sources]
        consumer.assign([changelog, *sources])
        consumer.pause(*sources)
        await _check_counts(job, consumer)
        restored, end = await _restore(consumer, changelog, store, warn, progress)
        for _ in store.index(RESTORE_CHUNK):
            await asyncio.sleep(0)
        raw = store.get(PARTITION_RECORD_KEY)
        if raw is None:
            record = await _first_record(job, consumer, sources, store)
        else:
            record = _known_record(job, raw)
            await _check_group(job, record, consumer, producer, sources, warn)
        await _check_sources(consumer, sources, record)
        return Opened(record, restored, end, fresh=raw is None)
    finally:
        await stop_consumer(consumer)


async def committed_record(job: Job, partition: int) -> PartitionRecord | None:
    """Return the partition record at the changelog's end, without judging it, for repairs: final after a fence only."""
    consumer, store = restore_consumer(job.client, job.name), MemoryStore()
    try:
        await started(consumer)
        changelog = TopicPartition(job.changelog, partition)
        consumer.assign([changelog])
        await _restore(consumer, changelog, store, lambda _: None, lambda _: None)
    finally:
        await stop_consumer(consumer)
    raw = store.get(PARTITION_RECORD_KEY)
    return None if raw is None else decode_record(raw)


async def committed_end(job: Job, partition: int, topic: str) -> int:
    """Return the last stable offset of a partition of any topic: the end that an open compares positions with."""
    consumer, place = restore_consumer(job.client, job.name), TopicPartition(topic, partition)
    try:
        await started(consumer)
        consumer.assign([place])
        return (await consumer.end_offsets([place]))[place]
    finally:
        await stop_consumer(consumer)


async def _check_counts(job: Job, consumer: Any) -> None:
    counts = await partition_counts(consumer, (*job.sources, job.changelog, job.journal))
    for topic, count in counts.items():
        if count and count != job.partitions:
            raise PartitionStopped(
                f"topic {topic} has {count} partitions, the application {job.partitions}",
                "growing is a new prefix and a replay",
            )


async def _restore(
    consumer: Any, changelog: TopicPartition, store: Store,
    warn: Callable[[str], None], progress: Callable[[int], None],
) -> tuple[int, int]:  # fmt: skip
    """Return (records read, end of the changelog), the store being at that end."""
    begin: int = (await consumer.beginning_offsets([changelog]))[changelog]
    end: int = (await consumer.end_offsets([changelog]))[changelog]
    start, local = _local_base(store, end, warn), store.get(PARTITION_RECORD_KEY)
    if start is None:
        start, local = begin, None
    consumer.seek(changelog, max(start, begin))
    restored, seen_record = 0, False
    # INVARIANT: restore_reads_to_the_end_position
    while await consumer.position(changelog) < end:
        fetched = await consumer.getmany(changelog, timeout_ms=200, max_records=RESTORE_CHUNK)
        rows: list[Any] = fetched.get(changelog, [])
        seen_record = seen_record or any(row.key == PARTITION_RECORD_KEY for row in rows)
        if rows:
            store.load([(row.key, row.value) for row in rows], Checkpoint(rows[-1].offset + 1, now_ms()))
            restored += len(rows)
            progress(restored)
        await asyncio.sleep(0)
    # INVARIANT: a_store_of_another_changelog_is_wiped
    if local is not None and not (seen_record and _same_epoch(local, store)):
        warn("the local store is of another changelog: wiped, restoring from the start")
        store.wipe()
        return await _restore(consumer, changelog, store, warn, progress)
    return restored, end


def _local_base(store: Store, end: int, warn: Callable[[str], None]) -> int | None:
    """Return the changelog offset to restore from on top of the local store, None for all of it (store empty)."""
    checkpoint = store.checkpoint()
    if checkpoint is None:
        return None
    if checkpoint.offset > end:
        warn(f"the local store stands for offset {checkpoint.offset}, the changelog ends at {end}: wiped")
    elif now_ms() - checkpoint.at > STORE_MAX_AGE_MS:
        warn("the local store is older than tombstones are kept: wiped")
    elif store.get(PARTITION_RECORD_KEY) is not None:
        # one record back: the partition record itself, so that every tail shows of which epoch the changelog is
        return checkpoint.offset - 1
    store.wipe()
    return None


def _same_epoch(local: bytes, store: Store) -> bool:
    raw = store.get(PARTITION_RECORD_KEY)
    if raw is None:
        return False
    before, after = decode_record(local), decode_record(raw)
    return before.store_id == after.store_id and before.seq <= after.seq


async def _first_record(job: Job, consumer: Any, sources: list[TopicPartition], store: Store) -> PartitionRecord:
    if next(store.scan(b""), None) is not None:
        raise PartitionStopped("the changelog holds state but no partition record", "restore the changelog topic")
    committed = await _group_offsets(consumer, sources)
    if any(offset is not None for offset in committed.values()):
        raise PartitionStopped(
            f"the group has offsets {committed} but the changelog is empty",
            "restore the changelog topic, or use a new app id",
        )
    at: Mapping[Any, int] = await (
        consumer.beginning_offsets(sources) if job.start == "earliest" else consumer.end_offsets(sources)
    )
    positions = {source.topic: at[source] for source in sources}
    counters = {topic: SourceCounters(start=offset) for topic, offset in positions.items()}
    return PartitionRecord(
        schema_version=JOURNAL_SCHEMA_VERSION, store_id=uuid.uuid4().hex, sources=positions, seq=0,
        rulebook_version=job.handler.version(), clock=0, newest={}, counters=counters,
    )  # fmt: skip


def _known_record(job: Job, raw: bytes) -> PartitionRecord:
    # INVARIANT: the_partition_record_is_the_truth
    record = decode_record(raw)
    if record.schema_version > JOURNAL_SCHEMA_VERSION:
        raise PartitionStopped(
            f"state of schema version {record.schema_version} is newer than this program knows", "upgrade this worker"
        )
    if set(record.sources) != set(job.sources):
        raise PartitionStopped(
            f"state was made from sources {sorted(record.sources)}, now {sorted(job.sources)}",
            "start with the same sources, or replay under a new app id",
        )
    return record


async def _group_offsets(consumer: Any, sources: list[TopicPartition]) -> dict[str, int | None]:
    return {source.topic: await consumer.committed(source) for source in sources}


async def _check_group(
    job: Job, record: PartitionRecord, consumer: Any, producer: Any, sources: list[TopicPartition],
    warn: Callable[[str], None],
) -> None:  # fmt: skip
    committed = await _group_offsets(consumer, sources)
    if any(offset not in (None, record.sources[topic]) for topic, offset in committed.items()):
        # the coordinator may show a transaction a moment after its markers, and after a restart what is long past
        witness, asked = TopicPartition(job.journal, sources[0].partition), {topic: [p] for topic, p in sources}
        try:
            shown = await attested_offsets(producer, consumer, job.name, witness, asked)
        except GroupBehind as behind:
            return warn(f"{behind}: going on from the partition record")
        committed = {source.topic: shown[source][0] if source in shown else None for source in sources}
    for topic, offset in committed.items():
        if offset is None:
            warn(f"the group's offset of {topic} is gone: going on from the partition record")
        elif offset != record.sources[topic]:
            raise PartitionStopped(
                f"the group's offset of {topic} is {offset}, the partition record says {record.sources[topic]}",
                f"somebody moved it: set it back to {record.sources[topic]} or delete it with the Kafka tools",
            )


async def _check_sources(consumer: Any, sources: list[TopicPartition], record: PartitionRecord) -> None:
    # INVARIANT: never_starts_from_somewhere_else
    begin: Mapping[Any, int] = await consumer.beginning_offsets(sources)
    end: Mapping[Any, int] = await consumer.end_offsets(sources)
    for source in sources:
        at = record.sources[source.topic]
        if at < begin[source]:
            raise PartitionStopped(
                f"{source.topic}-{source.partition} lost offsets [{at}, {begin[source]}) before they were read",
                f"`leadstream partition skip --partition {source.partition} --topic {source.topic} --from {at} "
                f"--to {begin[source]}`",
            )
        if at > end[source]:
            raise PartitionStopped(
                f"{source.topic}-{source.partition} ends at {end[source]}, but {at} was read already",
                "the log shrank: restore it, or replay under a new app id",
            )
