"""A contact desk without Kafka: what is sent goes through the real handler into the partitions of a fake worker."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from stream_app.delivery.handler import Batch
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.processing.codec import Codec
from stream_app.processing.handler import ScoringHandler
from stream_app.processing.outgoing import Outgoing
from stream_app.reading.command_ledger import CommandLedger
from stream_app.reading.contact_desk import ContactDesk
from stream_app.reading.orders import Ledger
from stream_app.reading.recent_awards import RecentAwards
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook
from tests.scoring_kit import COMMANDS, CONTACTS, CROSSINGS, DEAD, ENGAGEMENT, SCORES, T0, FakeRecord, OneRulebook


class EngineSender:
    """A Sends over the real handler; a test can make Kafka silent, or hold back what was acknowledged."""

    def __init__(
        self, partitions: Any, recent: RecentAwards, book: Rulebook = EMPTY_RULEBOOK, *, limit_seconds: float = 0.05
    ) -> None:
        self.partitions = partitions
        self.recent = recent
        self.unsent: Unsent | None = None
        self.held: list[tuple[SourceRecord, int]] | None = None
        self.sent: list[SourceRecord] = []
        self.others_first = False  # another client sends each record too, just before
        self.rulebooks = OneRulebook(book)
        self.handler = ScoringHandler(
            partitions=partitions.partition_count, engagement=[ENGAGEMENT], rekeyed="leadstream.rekeyed",
            contacts=CONTACTS, commands=COMMANDS, score_changed=SCORES, threshold_crossed=CROSSINGS,
            dead_letters=DEAD, rulebooks=self.rulebooks,
        )  # fmt: skip
        self.counters = self.handler.counters
        self.offsets: dict[tuple[str, int], int] = {}
        self.desk = contact_desk(partitions, self, recent, limit_seconds=limit_seconds)

    async def send(self, records: Sequence[SourceRecord], limit_seconds: float) -> list[int] | Unsent:
        if self.unsent is not None:
            return self.unsent
        return [self.put(record) for record in records]

    def put(self, record: SourceRecord) -> int:
        """Take a record as Kafka would; apply it unless it is held back."""
        place = record.topic, record.partition
        offset = self.offsets.get(place, 0)
        if self.others_first:
            self.apply(record, offset, told=False)
            offset += 1
        self.offsets[place] = offset + 1
        self.sent.append(record)
        if self.held is not None:
            self.held.append((record, offset))
        else:
            self.apply(record, offset)
        return offset

    def release(self) -> None:
        """Apply what was held back."""
        held, self.held = self.held or [], None
        for record, offset in held:
            self.apply(record, offset)

    def apply(self, record: SourceRecord, offset: int, *, told: bool = True) -> None:
        """Commit a batch of one record."""
        topic, partition, key, value = record
        status, store = self.partitions.status[partition], self.partitions.stores[partition]
        batch = Batch(partition, status.seq + 1, "records", status.clock, self.handler.version())
        work = self.handler.begin(batch, store)
        work.apply(topic, [FakeRecord(offset, value, key, T0)])
        effects = work.finish()
        for name, change in effects.changes.items():
            if change is None:
                store.records.pop(name, None)
            else:
                store.records[name] = change
        sources = {**status.sources, topic: offset + 1}
        self.partitions.status[partition] = replace(status, seq=batch.seq, sources=sources)
        self.handler.committed(batch, effects)
        self.recent.observe(partition, batch.seq, effects.outputs, {})
        if told:
            self.desk.observe(batch, effects)


def outgoing(partitions: int) -> Outgoing:
    return Outgoing(
        codec=Codec(partitions, 262_144, None), partitions=partitions, commands=COMMANDS, contacts=CONTACTS,
        engagement=ENGAGEMENT,
    )  # fmt: skip


def contact_desk(
    partitions: Any, sender: Any, recent: RecentAwards, *, limit_seconds: float = 0.05, ledger: Ledger | None = None
) -> ContactDesk:
    return ContactDesk(
        partitions, outgoing(partitions.partition_count), sender, ledger or CommandLedger(partitions, recent),
        score_changed=SCORES, dead_letters=DEAD, limit_seconds=limit_seconds,
    )  # fmt: skip
