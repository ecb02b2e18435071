"""Repairs of a stopped partition that a person orders: so far, to skip a range of a source that cannot be read.

Laws: a repair is a transaction of the partition's own transactional id, after a fence, so a live owner cannot commit
beside it; what may not be is refused before the fence, so that a mistake disturbs no owner; what was skipped is counted
and is in the journal; what is not written yet is never skipped.
Reads the changelog and the source's end; writes partition record, journal and the group's offsets.
"""

import msgspec

from schemas.journal import BatchJournal, InputRange, PartitionRecord
from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.handler import Effects, Output
from stream_app.delivery.job import Job
from stream_app.delivery.opening import committed_end, committed_record
from stream_app.delivery.steps import account, changes, encode
from stream_app.delivery.transaction import TransactionalWriter


async def skip(
    job: Job, partition: int, source: str, start: int, end: int, *, dry_run: bool = False
) -> PartitionRecord:
    """Move a source from ``start``, where it must stand, to ``end``; return the partition record after it.

    PartitionStopped when the partition does not stand there, or the source ends before ``end``; nothing is written
    and nobody fenced then, nor by a ``dry_run``.
    """
    following = await _following(job, partition, source, start, end)
    if dry_run:
        return following
    writer = TransactionalWriter(job, partition)
    try:
        # INVARIANT: only_a_skip_that_may_be_fences
        await writer.fence()
        following = await _following(job, partition, source, start, end)  # again: an owner may have gone on
        journal = BatchJournal(
            following.seq, "skip", following.store_id, following.rulebook_version, following.clock,
            [InputRange(source, start, end)],
        )  # fmt: skip
        state: list[Output] = [(key, value, []) for key, value in changes(Effects(), following).items()]
        outputs: dict[str, list[Output]] = {job.journal: [(b"%d" % partition, encode(journal), [])]}
        await writer.commit(outputs, state, {source: end})
        return following
    finally:
        await writer.close()


async def _following(job: Job, partition: int, source: str, start: int, end: int) -> PartitionRecord:
    """Return the partition record after a skip; PartitionStopped when the skip may not be."""
    following = _skipped(await committed_record(job, partition), source, start, end)
    # INVARIANT: only_what_is_there_is_skipped
    if end > (there := await committed_end(job, partition, source)):
        raise PartitionStopped(
            f"{source}-{partition} ends at {there}: what comes from there to {end} would never be applied",
            f"skip to {there} at most",
        )
    return following


def _skipped(record: PartitionRecord | None, source: str, start: int, end: int) -> PartitionRecord:
    at = None if record is None else record.sources.get(source)
    if record is None or at is None:
        raise PartitionStopped(f"the partition has no position in {source}", "see `leadstream partition show`")
    if at != start or end <= start:
        raise PartitionStopped(
            f"the partition stands at {at} of {source}, not before [{start}, {end})", "name that range"
        )
    following = msgspec.structs.replace(
        record, seq=record.seq + 1, skipped=record.skipped + end - start, sources=dict(record.sources),
        counters={topic: msgspec.structs.replace(counter) for topic, counter in record.counters.items()},
    )  # fmt: skip
    account(following, source, end, 0, Effects())
    return following
