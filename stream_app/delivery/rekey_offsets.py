"""Where a source partition stands: the committed offset of its group, and the counts beside it.

Laws: asked after the fence only, and beside a witness (decision 0017); an offset that is no longer in the log, or not
yet, stops the partition and names the range (promise 4).
Reads the group's offsets and the ends of the source.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from schemas.ingest import IngestProgress
from stream_app.delivery.aiokafka_clients import partition_counts, restore_consumer, started, stop_consumer
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.rekey import RekeyJob
from stream_app.delivery.witness import attested_offsets

_decode_progress: Final = msgspec.json.Decoder(IngestProgress).decode


@dataclass(frozen=True, slots=True)
class Position:
    """The next offset to forward, the counts up to it; ``fresh`` when nobody has committed it yet."""

    offset: int
    progress: IngestProgress
    fresh: bool = False


async def find_position(job: RekeyJob, source: TopicPartition, producer: Any) -> Position:
    """Return where a source partition stands; PartitionStopped when forwarding must not go on from there.

    ``producer`` has fenced; raises GroupBehind, and whatever aiokafka raises.
    """
    consumer = restore_consumer(job.client, job.name)
    try:
        await started(consumer)
        consumer.assign([source])
        consumer.pause(source)
        count = max((await partition_counts(consumer, [source.topic]))[source.topic], source.partition + 1)
        asked = attested_offsets(producer, consumer, job.name, job.witness, {source.topic: range(count)})
        shown = await asyncio.wait_for(asked, job.transaction_timeout_ms / 1000)
        committed = {place.partition: found for place, found in shown.items()}
        begin: int = (await consumer.beginning_offsets([source]))[source]
        end: int = (await consumer.end_offsets([source]))[source]
    finally:
        await stop_consumer(consumer)
    if source.partition not in committed:
        at = begin if job.start == "earliest" or _new(source.partition, committed) else end
        return Position(at, IngestProgress(count, at), fresh=True)
    at, said = committed[source.partition]
    _check_range(job, source, at, begin, end)
    return Position(at, _progress(said) or IngestProgress(count, at))


def _new(partition: int, committed: Mapping[int, tuple[int, str]]) -> bool:
    """Tell whether a partition was added after its topic was first read: ``latest`` is not about it."""
    known = [progress.partitions for _, said in committed.values() if (progress := _progress(said)) is not None]
    return any(partition >= count for count in known)


def _progress(said: str) -> IngestProgress | None:
    """Return the progress beside an offset, None when somebody else has set that offset."""
    try:
        return _decode_progress(said)
    except msgspec.DecodeError:
        return None


def _check_range(job: RekeyJob, source: TopicPartition, at: int, begin: int, end: int) -> None:
    # INVARIANT: ingest_never_starts_from_somewhere_else
    place = f"{source.topic}-{source.partition}"
    if at < begin:
        raise PartitionStopped(
            f"{place} lost offsets [{at}, {begin}) before they were re-keyed",
            f"to go on without them: stop the workers, set the offset of group {job.name} to {begin}",
        )
    if at > end:
        raise PartitionStopped(
            f"{place} ends at {end}, but {at} was re-keyed already",
            f"the log shrank: restore it, or stop the workers and set the offset of group {job.name}",
        )
