"""Runs an exactly-once Faust application as this process: services first, then membership, until a signal.

Laws: the web view answers while the broker is down, so services start before Faust boots and Faust boots only when a
broker answers; the collector is tuned before the first batch, because a table of a million contacts must not be walked.
Writes the log.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from mode import Service

from stream_app.operations.allocator import give_back, tune_allocator
from stream_app.operations.own_url import OwnUrl
from stream_app.operations.topic_administration import TopicsRefused, check_topics
from stream_app.settings import Settings

log = logging.getLogger(__name__)

# Measured: 21 -> 15 us per event; young objects die in their batch, old ones are bytes that need no walking.
COLLECTOR_THRESHOLDS = (50_000, 50, 100)
RETRY_SECONDS = 1.0
QUIET_SECONDS = 5.0


class BrokerAnswers(Service):
    """Starts when a broker answers: Faust's own producer would end the process instead of waiting."""

    def __init__(self, client: dict[str, Any]) -> None:
        super().__init__()
        self._client = client

    async def on_start(self) -> None:
        """Ask until somebody answers, or the process is told to stop."""
        await _asked(self, self._ask)

    async def _ask(self) -> None:
        admin = AIOKafkaAdminClient(request_timeout_ms=5_000, **self._client)
        try:
            await admin.start()
        finally:
            await admin.close()


class TopicsChecked(Service):
    """Starts when every topic is there with the right partition count; else the process ends with that sentence."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    async def on_start(self) -> None:
        """Check once; a broker that has just come up may answer, but know of none that leads, itself included."""
        await _asked(self, lambda: check_topics(self._settings), raising=True)


async def _asked(service: Service, ask: Callable[[], Awaitable[None]], *, raising: bool = False) -> None:
    """Ask until there is an answer, or the process is told to stop; ``raising`` what no time mends."""
    told = False
    while not service.should_stop:
        try:
            return await ask()
        except (KafkaError, OSError) as error:
            if raising and isinstance(error, KafkaError) and not error.retriable:
                raise
            if not told:
                log.warning("no broker answers yet: %s", error)
            told = True
            await asyncio.sleep(RETRY_SECONDS)


class WhenReady(Service):
    """Calls back once, when the worker is ready for the first time; then freezes what start-up left behind."""

    def __init__(self, app: Any, tell: Callable[[], None]) -> None:
        super().__init__()
        self._app, self._tell = app, tell

    @Service.task
    async def _wait(self) -> None:
        while not self.should_stop:
            if self._app.why_not() is None:
                tune_collector()
                self._tell()
                return
            await self.sleep(0.05)


class CyclesCollected(Service):
    """Collects after each rebalance what partitions that moved away have left: clients and tasks that hold each other.

    The thresholds alone would let megabytes of that stand for hours; what is free then goes back to the machine.  Costs
    the loop some 30 ms.
    """

    def __init__(self, app: faust.App) -> None:
        super().__init__()
        self._app = app

    @Service.task
    async def _watch(self) -> None:
        collected_at = 0
        while not self.should_stop:
            await self.sleep(QUIET_SECONDS)
            if not self._app.rebalancing and collected_at != self._app.rebalancing_count:
                collected_at = self._app.rebalancing_count
                gc.collect()
                give_back()


def tune_collector() -> None:
    """Freeze what start-up made and collect rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


class RefusingWorker(faust.Worker):
    """A worker that ends with a sentence, not a traceback, where an operator has to mend something first."""

    refused = False

    async def start(self) -> None:
        """Start services and app; topics that are not as declared and a port that is taken are refusals."""
        try:
            await super().start()
        except (TopicsRefused, OSError) as error:
            self.refused = True
            log.critical("cannot start: %s", error)

    def refuse(self, why: str) -> None:
        """End as by SIGTERM, but with exit code 1."""
        self.refused = True
        log.critical("refused: %s", why)
        os.kill(os.getpid(), signal.SIGTERM)


def run(app: faust.App, services: list[Service]) -> NoReturn:
    """Run services in order, then the app; ends by SIGTERM or SIGINT with exit code 0, by a refusal or crash with 1."""
    tune_allocator()
    tune_collector()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = RefusingWorker(
        app, *services, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False, stdout=sys.stderr
    )
    worker.spinner = None
    for service in services:
        if isinstance(service, OwnUrl):
            service.refuse = worker.refuse
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        raise SystemExit(1 if worker.refused else end.code) from None
