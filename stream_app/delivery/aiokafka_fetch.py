"""Takes whole record batches out of an aiokafka consumer, and says when it fetches again.

One of the places of aiokafka's private names (PRIVATE_NAMES), which `faust_seams.check_versions` checks at start.
Clients are ``Any``: the library has no types.  What is private here has a public but slower way, one object a record;
the figures are in docs/performance.md.
"""
# pyright: basic

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException

from stream_app.delivery.aiokafka_clients import started
from stream_app.delivery.aiokafka_records import read_any_header_name, records_of

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = (
    (FetchResult, "check_assignment _update_position"),
    (Fetcher, "_get_actions_per_node _proc_fetch_request"),
)
PREFETCH_SECONDS = 3600.0
SMALL_TAKE = 500


@dataclass(slots=True)
class Take:
    """Whole record batches of one source; ``[start, end)`` are positions, markers and compacted offsets inside.

    ``answer`` are the bytes of the fetch answer that they are of.
    """

    topic: str
    start: int
    end: int
    batches: list[Any]
    answer: bytes = b""

    def records(self) -> Iterator[Any]:
        """Yield the records in order; the first batch may begin before ``start``."""
        for batch in self.batches:
            records = records_of(batch, self.answer)
            if batch.base_offset >= self.start:
                yield from records
            else:
                yield from (record for record in records if record.offset >= self.start)


class _Requests:
    """Decides what a fetcher asks for: as aiokafka does, but `fetch_beside` asks once while something is buffered.

    Notes of each source when that was asked which was answered last.
    """

    def __init__(self, fetcher: Any) -> None:
        self.fetcher, self.usual = fetcher, fetcher._get_actions_per_node
        self.fetch = fetcher._proc_fetch_request
        self.beside = False

    async def ask(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Fetch as aiokafka does; what the answer says of the end of a source is as of when it was asked."""
        # INVARIANT: a_source_is_read_to_its_end_as_of_when_it_was_asked
        asked = time.time_ns() // 1_000_000
        news: bool = await self.fetch(assignment, node_id, request)
        for topic, partitions in request.topics:
            for partition, *_ in partitions:
                state = assignment.state_value(TopicPartition(topic, partition))
                if state.timestamp is not None:  # aiokafka's note of this answer: nothing has awaited since
                    state.asked, state.timestamp = asked, None
        return news

    def __call__(self, assignment: Any) -> Any:
        beside, self.beside = self.beside, False
        if not beside:
            return self.usual(assignment)
        fetcher, wait = self.fetcher, self.fetcher._fetch_max_wait_ms
        held_up = [(result, result._backoff) for result in fetcher._records.values()]
        fetcher._fetch_max_wait_ms = 0  # a long poll would hold up the next page
        for result, _ in held_up:
            result._backoff = 0
        try:
            return self.usual(assignment)
        finally:
            fetcher._fetch_max_wait_ms = wait
            for result, backoff in held_up:
                result._backoff = backoff


async def start_reader(client: Mapping[str, Any], fetch_bytes: int) -> Any:
    """Return a started consumer without a group.

    It fetches again only when all that is buffered has been taken, or by `fetch_beside`: a long poll must not hold up a
    busy source.
    """
    read_any_header_name()
    consumer: Any = AIOKafkaConsumer(
        group_id=None, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset="none",
        max_partition_fetch_bytes=fetch_bytes, fetch_max_wait_ms=500, **client,
    )  # fmt: skip
    await started(consumer)
    consumer._fetcher._prefetch_backoff = PREFETCH_SECONDS
    consumer._fetcher._get_actions_per_node = requests = _Requests(consumer._fetcher)
    consumer._fetcher._proc_fetch_request = requests.ask
    return consumer


def fetch_waiter(consumer: Any) -> "asyncio.Future[None]":
    """Return a future that ends when something has been fetched, or an error is to be raised."""
    return consumer._fetcher._create_fetch_waiter()


def last_fetch(consumer: Any, tp: TopicPartition) -> tuple[int | None, int | None]:
    """Return (high watermark, milliseconds when that was asked) of the last fetch answer of a partition.

    When it was answered nobody can tell: a loop that is held, or a process that is stopped, reads the answer later.
    """
    state = consumer._subscription.subscription.assignment.state_value(tp)
    return state.highwater, getattr(state, "asked", None)


def _data_batches(part: Any) -> Iterator[tuple[Any | None, int]]:
    """Yield (batch, position after it); None for markers and aborted batches."""
    # INVARIANT: aborted_records_are_never_applied_and_markers_are_gaps
    records = part._records.plain
    while records.has_next():
        batch = records.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"checksum of the batch at offset {batch.base_offset} is wrong")
        shown = True
        if batch.producer_id is not None:
            part._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and part._contains_abort_marker(batch):
                part._aborted_producers.discard(batch.producer_id)
            shown = not (batch.is_transactional and batch.producer_id in part._aborted_producers)
        yield (batch if shown and not batch.is_control_batch else None), batch.next_offset


def take_buffered(consumer: Any, tp: TopicPartition, max_records: int) -> Take | None:
    """Take about ``max_records`` records (whole batches) out of what is fetched; None when nothing is.

    After a take of some size the next page is fetched while it is applied.  After a small one that would fetch the
    first record to come and let it wait for the whole commit; `fetch_more` after the commit gets all that came.
    """
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    result: Any = fetcher._records.get(tp)
    if result is None:
        return None
    failed = not isinstance(result, FetchResult)
    if failed or not result.check_assignment(tp):
        del fetcher._records[tp]
        fetch_more(consumer)
        if failed:
            result.check_raise()
        return None
    part: Any = result._partition_records
    if not hasattr(part, "data_batches"):
        part.data_batches = _data_batches(part)
    take, count = Take(tp.topic, part.next_fetch_offset, part.next_fetch_offset, [], part._records.answer), 0
    for batch, end in part.data_batches:
        take.end = part.next_fetch_offset = end
        if batch is not None:
            take.batches.append(batch)
            count += batch.last_offset_delta + 1
            if count >= max_records:
                break
    result._update_position()
    if not part._records.has_next():
        del fetcher._records[tp]
        if count >= SMALL_TAKE:
            fetch_more(consumer)
    return take if take.end > take.start else None


def fetch_more(consumer: Any) -> None:
    """Let the fetcher look again for what it may fetch."""
    fetcher = consumer._fetcher
    fetcher._notify(fetcher._wait_consume_future)


def fetch_beside(consumer: Any) -> None:
    """Fetch, without waiting, what sources have of which nothing is buffered, while another's page is applied."""
    fetcher = consumer._fetcher
    if fetcher._records:
        fetcher._get_actions_per_node.beside = True
        fetch_more(consumer)


def fetch_meanwhile(consumer: Any) -> None:
    """Fetch while a batch without records is committed; no long poll where it would hold up what is buffered."""
    if consumer._fetcher._records:
        fetch_beside(consumer)
    else:
        fetch_more(consumer)
