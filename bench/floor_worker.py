"""A worker of the floor: leadstream's own delivery, with a handler that decodes each event and scores nothing.

Laws: it writes as many outputs of as many bytes per event as BENCH_* say, and one changelog record of so many bytes for
each contact that a batch touches; all are cut from the events themselves, so that they compress as real ones do.
Reads and writes what a leadstream worker does.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
from mode import Service

from schemas.events import EngagementEventWire
from stream_app.app import LeadstreamApp
from stream_app.delivery import Batch, Committed, Effects, Handler, Outcomes, Output, Record
from stream_app.operations.worker_commands import run_worker
from stream_app.processing.sections import CORE_SUFFIX
from stream_app.settings import load_settings

decode = msgspec.json.Decoder(EngagementEventWire).decode
HEADERS: list[tuple[str, bytes | None]] = [("content-type", b"application/json")]


class Quota:
    """Lets through a share of what comes, evenly, one in each call at most."""

    def __init__(self, share: float) -> None:
        self._share, self._owed = share, 0.0

    def take(self) -> bool:
        """Tell whether this one goes through."""
        self._owed += self._share
        if self._owed < 1:
            return False
        self._owed -= 1
        return True


class Passing:
    """One batch of the floor."""

    def __init__(self, floor: "Floor", batch: Batch) -> None:
        self.clock = batch.clock
        self._floor, self._outcomes = floor, Outcomes()
        self._outputs: list[Output] = []
        self._changes: dict[bytes, bytes | None] = {}

    def apply(self, source: str, records: Iterable[Record]) -> None:
        """Decode and pass on."""
        floor, outputs, changes = self._floor, self._outputs, self._changes
        count = 0
        size, change_size = floor.output_bytes, floor.change_bytes
        for record in records:
            key, value = record.key or b"", record.value or b""
            decode(value)
            self.clock = max(self.clock, record.timestamp)
            if floor.output.take():
                outputs.append((key, (value + value + value)[:size], HEADERS))
            changes[key + CORE_SUFFIX] = value[:change_size]
            count += 1
        self._outcomes.applied += count

    def due(self, until: int, limit: int) -> int:
        """Return 0."""
        return 0

    def sweep(self, after: bytes, limit: int) -> bytes | None:
        """Return None."""
        return None

    def finish(self) -> Effects:
        """Return what was passed on."""
        return Effects({self._floor.topic: self._outputs}, self._changes, self._outcomes)


class Floor:
    """Implements ``stream_app.delivery.handler.Handler``; versions are the real handler's."""

    def __init__(self, real: Handler) -> None:
        environ = os.environ
        self.topic = environ["BENCH_OUTPUT_TOPIC"]
        self.output = Quota(float(environ["BENCH_OUTPUTS_PER_EVENT"]))
        self.output_bytes = int(environ["BENCH_OUTPUT_BYTES"])
        self.change_bytes = int(environ["BENCH_CHANGE_BYTES"])
        self.version = real.version

    def begin(self, batch: Batch, committed: Committed) -> Passing:
        """Start a batch."""
        return Passing(self, batch)

    def needs_sweep(self, before: int, now: int) -> bool:
        """Return False."""
        return False

    def next_due(self, committed: Committed) -> int | None:
        """Return None."""
        return None

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Do nothing."""


def swap_handler(app: LeadstreamApp) -> Service:
    """Put the floor in the place of scoring before anything is started; return a service that does nothing."""
    job = app.partitions.job
    app.partitions.job = replace(job, handler=Floor(job.handler))
    return Service()


if __name__ == "__main__":
    run_worker(load_settings({}, os.environ, Path.cwd()), also=(swap_handler,))
