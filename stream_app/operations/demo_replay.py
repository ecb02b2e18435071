"""Replays the CDNOW orders beside a worker, for as long as the demo runs, and remembers how far it came.

Laws: a place is written only when everything before it is acknowledged, so a demo that was killed sends at most the
last second again, with the same event ids, which the worker counts once; a replay that starts over, or whose place is
gone, draws a new run id, and event ids carry it (``cdnow-<run>-<line>-<step>``): it never passes for the replay before.
Reads the wheel of ``dataset``; writes engagement and the place file.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode import Service

from stream_app.operations import dataset
from stream_app.operations.replay import Outgoing, Pace, open_producer, replay
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1
CANCELS: Final = 4
CANCEL_SECONDS: Final = 1.0
SLICE_RECORDS: Final = 200  # about a second of a pace that follows the original times


class PlaceUnreadable(Exception):
    """The place file is not one; the message names it."""


class Replayed(msgspec.Struct, frozen=True, rename="camel"):
    """What is being replayed where: a place of another one says nothing."""

    cluster: str
    topic: str
    customers: int | None


class Place(msgspec.Struct, frozen=True):
    """How far a replay has come: ``next`` is the index of the first event that may not have been acknowledged."""

    replayed: Replayed
    run: str
    next: int = 0


def read_place(path: Path, replayed: Replayed) -> Place:
    """Return where to go on; a new run from the start where there is no place of this replay; PlaceUnreadable."""
    try:
        place = msgspec.json.decode(path.read_bytes(), type=Place)
    except FileNotFoundError:
        return new_run(replayed)
    except msgspec.MsgspecError as error:
        raise PlaceUnreadable(f"{path} cannot be read ({error}); `leadstream demo --fresh` starts over") from error
    return place if place.replayed == replayed else new_run(replayed)


def write_place(path: Path, place: Place) -> None:
    """Write the place whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(place))
    partial.replace(path)


def new_run(replayed: Replayed) -> Place:
    """Return the start of a replay with an id of its own."""
    return Place(replayed, secrets.token_hex(4))


def replayed_by(settings: Settings, customers: int | None) -> Replayed:
    """Return what a demo with these settings replays; its topic is the first keyed source."""
    topics = declared_topics(settings)
    return Replayed(str(settings.bootstrap_servers), (topics.keyed or topics.engagement)[0].name, customers)


def events_of(wheel: Path, place: Place) -> Iterator[Outgoing]:
    """Yield what is still to be sent of a run."""
    for key, value, at in islice(dataset.events(wheel, place.replayed.customers), place.next, None):
        marked = value.replace(b'"eventId":"cdnow-', f'"eventId":"cdnow-{place.run}-'.encode(), 1)
        yield Outgoing(place.replayed.topic, key, marked, at)


class DemoReplay(Service):
    """Sends the orders once the worker is ready; from the start again at their end, unless ``once``."""

    def __init__(
        self, app: Any, settings: Settings, *, wheel: Path, path: Path, place: Place, pace: Pace, once: bool
    ) -> None:
        super().__init__()
        self._app, self._settings, self._wheel = app, settings, wheel
        self._path, self._place, self._pace, self._once = path, place, pace, once

    @Service.task
    async def _replay(self) -> None:
        sending = asyncio.create_task(self._send())
        try:
            await asyncio.shield(sending)
        finally:
            # Without a broker aiokafka waits for ever, for its batches, then for its end: each cancel ends one wait.
            for _ in range(CANCELS):
                if not sending.done():
                    sending.cancel()
                    await asyncio.wait([sending], timeout=CANCEL_SECONDS)

    async def _send(self) -> None:
        while self._app.why_not() is not None:
            await self.sleep(LOOK_SECONDS)
        async with open_producer(**kafka_client_arguments(self._settings)) as producer:
            while True:
                await self._send_run(producer)
                if self._once:
                    log.warning("every order is replayed; the worker goes on")
                    return
                self._move(new_run(self._place.replayed))

    async def _send_run(self, producer: AIOKafkaProducer) -> None:
        events = events_of(self._wheel, self._place)
        length = max(1, round(self._pace.per_second or SLICE_RECORDS))
        # In a thread: reading, sorting and skipping 300,000 events would hold up the worker's loop for a second.
        while records := await asyncio.to_thread(list, islice(events, length)):
            await self._send_slice(producer, records)
            self._move(msgspec.structs.replace(self._place, next=self._place.next + len(records)))

    async def _send_slice(self, producer: AIOKafkaProducer, records: Sequence[Outgoing]) -> None:
        """Send until it is acknowledged; what is sent twice has the same event ids and counts once."""
        while True:
            try:
                await replay(records, producer, self._settings.partitions, self._pace)
            except KafkaError as error:
                log.warning("Kafka did not take the replayed events, trying again: %s", error)
                await self.sleep(RETRY_SECONDS)
            else:
                return

    def _move(self, place: Place) -> None:
        self._place = place
        write_place(self._path, place)
