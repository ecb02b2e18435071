"""The live stream: committed changes of scores and crossings of thresholds, as they become readable.

Laws: one shared Feed serves all subscribers and runs only while there is one; a subscriber that starts in the past
reads through a Feed of its own until it has caught up, and nothing is lost or repeated at the seam.  A subscriber
whose queue overflows is told and dropped, it never slows the others.  An outage of the broker is told, waited out and
resumed from the same positions.
Reads the output topics; writes nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from stream_app.delivery.recovery import RETRIED
from stream_app.delivery.tasks import ended
from stream_app.reading import positions as at
from stream_app.reading.output_feed import Feed, Passage, Start, Tail
from stream_app.reading.positions import Positions, TopicPartition
from stream_app.reading.subscription import RETRY_SECONDS, Subscription, status

logger = logging.getLogger(__name__)

MAX_SUBSCRIBERS: Final = 64
MAX_PENDING: Final = 5000


class TooManySubscribers(Exception):
    """The bound on subscribers of one worker is reached."""


class Live:
    """Fans the output topics out; ``topics`` maps full topic names to the names of their events on the stream."""

    def __init__(
        self,
        open_feed: Callable[[], Feed],
        topics: Mapping[str, str],
        partition_count: int,
        *,
        max_subscribers: int = MAX_SUBSCRIBERS,
        max_pending: int = MAX_PENDING,
    ) -> None:
        self._open_feed = open_feed
        self._topics = topics
        self._counts = dict.fromkeys(topics, partition_count)
        self._max_subscribers = max_subscribers
        self._max_pending = max_pending
        self._all: set[Subscription] = set()
        self._joined: set[Subscription] = set()
        self._task: asyncio.Task[None] | None = None
        self._positions: dict[TopicPartition, int] | None = None
        self._stands = False

    @property
    def positions(self) -> Positions | None:
        """Where the shared Feed stands, None before it has opened."""
        return self._positions

    @property
    def subscribers(self) -> int:
        """The number of subscribers now."""
        return len(self._all)

    def start_from(self, event_id: str) -> Start | None:
        """Return where to resume after an event id; None when it is not one of this stream."""
        return at.parse(event_id, self._counts)

    def subscribe(self, org_id: str | None, start: Start | None = None) -> Subscription:
        """Begin a subscription, from now unless ``start`` is given; ends with ``unsubscribe``."""
        if len(self._all) >= self._max_subscribers:
            raise TooManySubscribers
        subscription = Subscription(org_id, start, self, self._open_feed, self._topics, self._max_pending)
        self._all.add(subscription)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow(), name="live stream")
            self._task.add_done_callback(self._followed)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; with the last one reading stops."""
        self._all.discard(subscription)
        self._joined.discard(subscription)
        await subscription.close()
        if not self._all:
            await self._stop()

    async def close(self) -> None:
        """End all subscriptions and stop reading."""
        for subscription in self._all:
            subscription.tell(status("ended", "this worker stops"), last=True)
        await self._stop()

    def join(self, subscription: Subscription) -> None:
        """Deliver to a subscription from now on."""
        self._joined.add(subscription)
        if self._stands:
            subscription.tell(status("live"))

    async def _stop(self) -> None:
        task, self._task, self._positions = self._task, None, None
        if task is not None:
            await ended(task)

    def _followed(self, task: asyncio.Task[None]) -> None:
        if task is not self._task:
            return
        logger.error("the live stream ended", exc_info=None if task.cancelled() else task.exception())
        for subscription in self._all:
            subscription.tell(status("dropped", "the stream failed"), last=True)

    async def _follow(self) -> None:
        """Read until cancelled, over any number of outages."""
        while True:
            feed = self._open_feed()
            try:
                await self._read(feed)
            except RETRIED as error:
                logger.warning("the live stream waits for Kafka: %s", type(error).__name__)
                self._tell(False, type(error).__name__)
            finally:
                self._stands = False
                await feed.close()
            await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, feed: Feed) -> None:
        opened = await feed.open(self._positions or Tail())
        self._positions = opened.positions
        if opened.moved:
            for subscription in self._joined:
                subscription.tell(status("moved", "records were deleted before they could be read"))
        self._tell(True, "")
        while True:
            passages, after = await feed.take()
            self._deliver(passages)
            self._positions = after

    def _tell(self, stands: bool, why: str) -> None:
        self._stands = stands
        for subscription in self._joined:
            subscription.tell(status("live" if stands else "waiting", why))

    def _deliver(self, passages: list[Passage]) -> None:
        now = self._positions = dict(self._positions or {})
        for passage in passages:
            now[passage.topic, passage.partition] = passage.offset + 1
            event_id = _once(now)
            for subscription in self._joined:
                subscription.deliver(passage, now, event_id)


def _once(positions: Positions) -> Callable[[], str]:
    """Return a function that writes the positions' text at most once."""
    written: list[str] = []

    def event_id() -> str:
        if not written:
            written.append(at.text(positions))
        return written[0]

    return event_id
