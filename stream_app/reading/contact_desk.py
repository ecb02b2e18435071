"""Everything that is asked and ordered about contacts on one worker, wired together.

Laws: a committed batch is told to all of its parts at once, after it is readable and in the order of commits.
"""

import time

from stream_app.delivery.handler import Batch, Effects
from stream_app.delivery.status import PartitionsView
from stream_app.processing.codec import Codec
from stream_app.processing.outgoing import Outgoing
from stream_app.reading.award_rows import AwardLog
from stream_app.reading.command_ledger import CommandLedger
from stream_app.reading.command_results import CommandResults
from stream_app.reading.contact_writes import ContactWrites
from stream_app.reading.event_posts import EventPosts
from stream_app.reading.imports import Imports
from stream_app.reading.orders import Ledger, Orders
from stream_app.reading.own_writes import WRITE_SECONDS, OwnWrites, Sends
from stream_app.reading.recent_changes import RecentChanges
from stream_app.reading.summaries import Summaries
from stream_app.settings import Settings, declared_topics


class ContactDesk:
    """``score_changed`` and ``dead_letters`` are topic names; ``ledger`` is where answers are found again."""

    def __init__(
        self, partitions: PartitionsView, outgoing: Outgoing, sender: Sends, ledger: Ledger, *, score_changed: str,
        dead_letters: str, limit_seconds: float = WRITE_SECONDS,
    ) -> None:  # fmt: skip
        self._results = CommandResults(outgoing.commands, score_changed, dead_letters)
        self._changes = RecentChanges(score_changed)
        self._own = OwnWrites(partitions, sender, limit_seconds=limit_seconds)
        self.orders = Orders(outgoing, self._own, self._results, ledger)
        self.writes = ContactWrites(outgoing, self._own)
        self.events = EventPosts(outgoing, sender, limit_seconds=limit_seconds)
        self.imports = Imports(outgoing, sender, limit_seconds=limit_seconds)
        self.summaries = Summaries(partitions, self._changes)

    def observe(self, batch: Batch, effects: Effects) -> None:
        """Learn that a batch is durable and readable."""
        self._results.observe(batch.partition, batch.seq, effects.outputs)
        self._changes.observe(batch.partition, batch.seq, effects.outputs, time.time_ns() // 1_000_000)
        self._own.observe(batch.partition)


def outgoing_of(settings: Settings) -> Outgoing:
    """Return what builds records of an installation's sources."""
    topics = declared_topics(settings)
    return Outgoing(
        codec=Codec(settings.partitions, settings.max_record_bytes, settings.max_lateness_days),
        partitions=settings.partitions,
        commands=topics.commands.name,
        contacts=topics.contacts.name,
        engagement=(*topics.keyed, topics.rekeyed)[0].name,
    )


def contact_desk(settings: Settings, partitions: PartitionsView, sender: Sends, log: AwardLog) -> ContactDesk:
    """Return the desk of one worker; events go to the first keyed source, without one to ``rekeyed``."""
    topics = declared_topics(settings)
    return ContactDesk(
        partitions, outgoing_of(settings), sender, CommandLedger(partitions, log),
        score_changed=topics.score_changed.name, dead_letters=topics.dead_letters.name,
    )  # fmt: skip
