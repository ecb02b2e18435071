"""Replay a partition from its journal and inputs, and compare state and outputs with what is live (S1).

Laws: the partition may go on meanwhile: the state is read first, and the replay ends at the batch that it stands for;
what cannot be compared, because retention or compaction took it, is counted and said; the settings must be those of the
workers (dedupe window, record limit, headers), for they are not in the journal.
Reads changelog, journal, sources, ``config`` and outputs; writes nothing.
"""

from contextlib import AsyncExitStack
from typing import Any

import msgspec
from aiokafka import TopicPartition

from schemas.journal import BatchJournal, PartitionRecord
from stream_app.authoring.config_topic import read_config
from stream_app.authoring.rulebook_history import RulebookHistory, UnknownVersion
from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.replay import NotReplayable, Replay, first_record
from stream_app.jobs import scoring_handler
from stream_app.operations.log_cursor import Cursor, cursor, settled_ends, stable_ends, starts
from stream_app.operations.output_comparison import OutputComparison
from stream_app.operations.shown import safe_text, shown_key, shown_state, shown_time
from stream_app.operations.state_log import StateLog, read_state, written_since
from stream_app.operations.verdict import Difference, OutputCount, Reach, Verdict
from stream_app.processing.dead_letters import origin_topic
from stream_app.processing.due_index import due_of
from stream_app.settings import Settings, declared_topics, kafka_client_arguments


class CannotStart(Exception):
    """The beginning of what a replay needs is not retained."""


async def verify_partition(settings: Settings, partition: int) -> Verdict:
    """Return the verdict on one partition."""
    return await _Verification(settings, partition).run()


class _Verification:
    """One partition being verified."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._settings = settings
        self._topics = declared_topics(settings)
        self._sources = {spec.name for spec in self._topics.sources}
        self._client = kafka_client_arguments(settings)
        self._partition = partition
        self._verdict = Verdict(partition)
        self._foreign = 0
        self._outputs: dict[str, OutputComparison] = {}

    async def run(self) -> Verdict:
        verdict = self._verdict
        outputs = [self._place(spec.name) for spec in self._topics.outputs]
        early = await stable_ends(self._client, outputs)
        live = await read_state(self._client, self._topics.changelog.name, self._partition)
        if live.record is None:
            verdict.why = "the partition has no state yet"
            return verdict
        try:
            async with AsyncExitStack() as stack:
                replay = await self._replay(stack, live.record, early)
        except (CannotStart, UnknownVersion) as error:
            verdict.verdict, verdict.why = "impossible", str(error)
            return verdict
        except (NotReplayable, PartitionStopped) as error:
            verdict.verdict, verdict.why = "different", str(error)
            return verdict
        await self._compare_state(replay, live)
        return verdict

    # ------------------------------------------------------------------ replay
    async def _replay(self, stack: AsyncExitStack, record: PartitionRecord, early: dict[TopicPartition, int]) -> Replay:
        journal = await self._open_journal(stack)
        inputs = await self._open_inputs(stack, record)
        await self._open_outputs(stack, early)
        history = RulebookHistory(await read_config(self._settings))
        handler, replay = scoring_handler(self._settings, history), None
        while replay is None or replay.record.seq < record.seq:
            entry = await self._next_entry(journal, record) if record.seq else None
            if replay is None:
                version = record.rulebook_version if entry is None else entry.rulebook_version
                replay = Replay(handler, self._partition, first_record(record, version), due_of=due_of)
            if entry is None:
                break
            await self._apply(replay, entry, inputs)
        self._verdict.seq, self._verdict.records = replay.record.seq, replay.records
        if replay.record.seq < record.seq:
            raise NotReplayable(f"the journal ends at batch {replay.record.seq}, the state is that of {record.seq}")
        while await self._next_entry(journal, record) is not None:
            pass  # batches after the state was read; those of another state count
        await self._finish_outputs()
        return replay

    async def _next_entry(self, journal: Cursor, record: PartitionRecord) -> BatchJournal | None:
        """Return the next batch of this state; those of another state in the same topic are counted."""
        while (row := await journal.next()) is not None:
            entry = msgspec.json.decode(row.value, type=BatchJournal)
            if entry.store_id != record.store_id:
                self._foreign += 1
                continue
            reach = self._verdict.journal
            if reach.first is None:
                reach.first, reach.at = entry.seq, shown_time(row.timestamp)
                if entry.seq != 1:
                    raise CannotStart(
                        f"the journal is retained from batch {entry.seq} on: without the state before it"
                        " verification cannot start there"
                    )
            return entry
        return None

    async def _apply(self, replay: Replay, entry: BatchJournal, inputs: dict[str, Cursor]) -> None:
        records: list[Any] = []
        for part in entry.inputs:
            source, reach = inputs[part.topic], self._verdict.inputs[part.topic]
            while (row := await source.next(part.to)) is not None:
                records.append(row)
            if reach.at is None and records:
                reach.at = shown_time(records[0].timestamp)
        effects = replay.apply(entry, [] if entry.kind == "skip" else records)
        for topic, sent in effects.outputs.items():
            await self._outputs[topic].expect(sent)

    # ------------------------------------------------------------------ opening
    def _place(self, topic: str) -> TopicPartition:
        return TopicPartition(topic, self._partition)

    async def _open(self, stack: AsyncExitStack, place: TopicPartition, start: int, end: int) -> Cursor:
        return await stack.enter_async_context(cursor(self._client, place, start, end))

    async def _open_journal(self, stack: AsyncExitStack) -> Cursor:
        place = self._place(self._topics.journal.name)
        begin, end = await starts(self._client, [place]), await settled_ends(self._client, [place])
        return await self._open(stack, place, begin[place], end[place])

    async def _open_inputs(self, stack: AsyncExitStack, record: PartitionRecord) -> dict[str, Cursor]:
        places = [self._place(topic) for topic in record.sources]
        begin, inputs = await starts(self._client, places), dict[str, Cursor]()
        for place in places:
            first, end = record.counters[place.topic].start, record.sources[place.topic]
            self._verdict.inputs[place.topic] = Reach(begin[place])
            if begin[place] > first and end > first:
                raise CannotStart(f"{place.topic} is retained from {begin[place]} on, the state begins at {first}")
            inputs[place.topic] = await self._open(stack, place, first, end)
        return inputs

    async def _open_outputs(self, stack: AsyncExitStack, early: dict[TopicPartition, int]) -> None:
        begin, end = await starts(self._client, early), await settled_ends(self._client, early)
        for place, before in early.items():
            live = await self._open(stack, place, begin[place], end[place])
            self._outputs[place.topic] = OutputComparison(
                live, before, begin[place] > 0, self._output_differs, self._is_ours
            )

    def _is_ours(self, row: Any) -> bool:
        """Tell whether a batch of the partition wrote a record: dead letters of other topics are ingest's."""
        topic = origin_topic(row.headers)
        return topic is None or topic in self._sources

    # ------------------------------------------------------------------ comparing
    async def _finish_outputs(self) -> None:
        verdict = self._verdict
        if self._foreign:  # another state wrote to these topics too: nobody can tell whose a record is
            verdict.why = f"outputs are not compared: the journal holds {self._foreign} batches of another state"
            verdict.verdict, verdict.difference_count, verdict.differences = "same", 0, []
            return
        for topic, comparison in self._outputs.items():
            await comparison.finish()
            verdict.outputs[topic] = OutputCount(comparison.compared, comparison.not_retained)

    async def _compare_state(self, replay: Replay, live: StateLog) -> None:
        replayed, verdict = dict(replay.store.scan(b"")), self._verdict
        differing = [key for key in sorted({*replayed, *live.records}) if replayed.get(key) != live.records.get(key)]
        later = await self._written_since(live.end, differing)
        verdict.state_not_compared = len(later)
        verdict.state_records = len(replayed.keys() | live.records.keys()) - len(later)
        for key in differing:
            if key not in later:
                verdict.differ(state_difference(key, replayed.get(key), live.records.get(key)))

    async def _written_since(self, end: int, keys: list[bytes]) -> set[bytes]:
        if not keys:
            return set()
        return await written_since(self._client, self._topics.changelog.name, self._partition, end, keys)

    def _output_differs(self, topic: str, key: bytes | None, wanted: Any, found: Any) -> None:
        self._verdict.differ(Difference(topic, safe_text(key), None, _shown_output(wanted), _shown_output(found)))


def state_difference(key: bytes, replayed: bytes | None, live: bytes | None) -> Difference:
    """Return a difference of state, decoded; as bytes where both decode to the same."""
    shown = shown_state(key, replayed), shown_state(key, live)
    if shown[0] == shown[1]:
        shown = safe_text(replayed), safe_text(live)
    return Difference("state", **shown_key(key), replayed=shown[0], live=shown[1])


def _shown_output(record: Any) -> Any:
    if record is None:
        return None
    key, value, headers = record
    return {
        "key": safe_text(key), "value": safe_text(value, 2000),
        "headers": [[name, safe_text(text)] for name, text in headers],
    }  # fmt: skip
