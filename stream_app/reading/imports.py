"""CSV of scores that overwrite: every good row becomes a ``set`` command, every bad one is reported (S50, D8).

Laws: nothing is sent of a file that cannot be read to its end; rows are sent in their order, so the last one of a
contact stands; an import with a key acts once for each row, whoever repeats it and wherever it broke off: a row's
command id is uuid5 of org, key, line and what the row says; an import without one is a new one each time, and what it
finds at its score already stays as it is.  Which file came with a key is remembered in memory, bounded.
Writes ``commands`` through a Sender.
"""

import asyncio
import hashlib
import io
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from schemas.events import Rejected
from schemas.times import format_time
from stream_app.delivery.sender import SourceRecord, Unsent
from stream_app.processing.outgoing import Outgoing
from stream_app.processing.score_rows import BadFile, BadRow, GivenScore, read_scores
from stream_app.reading.orders import Reused, command_id_of
from stream_app.reading.own_writes import WRITE_SECONDS, NotSent, Sends
from stream_app.reading.repeats import Repeats

REPORTED: Final = 1000
CHUNK_RECORDS: Final = 1000
SLICE_ROWS: Final = 500  # with a breath for the loop between

Row = TypeVar("Row")
Built = Callable[[GivenScore], SourceRecord | BadRow]


@dataclass(frozen=True, slots=True)
class ScoreImport:
    """What all rows of a file have in common; ``by`` who asks, ``key`` what tells a repeat."""

    org_id: str
    profile_id: str
    fire_triggers: bool
    by: str | None
    key: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """Kafka has acknowledged ``accepted`` rows; ``rejected`` are the first REPORTED of ``rejected_count``."""

    accepted: int
    rejected_count: int
    rejected: list[BadRow]


def commands_of(order: ScoreImport, outgoing: Outgoing, now: int) -> Built:
    """Return what turns rows of an import into commands, all given at ``now``."""
    name = uuid.UUID(command_id_of(order.org_id, order.key))
    common: dict[str, Any] = {
        "orgId": order.org_id, "kind": "set", "profileId": order.profile_id, "fireTriggers": order.fire_triggers,
    }  # fmt: skip
    said: dict[str, Any] = {"at": format_time(now), **({} if order.by is None else {"by": order.by})}

    def build(row: GivenScore) -> SourceRecord | BadRow:
        asked = {**common, "score": row.score, **({} if row.reason is None else {"reason": row.reason})}
        command_id = str(uuid.uuid5(name, f"{row.line} {json.dumps(asked, sort_keys=True)}"))
        built = outgoing.command({"commandId": command_id, "contactId": row.contact_id, **asked, **said}, now)
        return BadRow(row.line, built.reason, built.message) if isinstance(built, Rejected) else built[0]

    return build


class Imports:
    """Takes files of scores."""

    def __init__(self, outgoing: Outgoing, sender: Sends, *, limit_seconds: float = WRITE_SECONDS) -> None:
        self._outgoing = outgoing
        self._sender = sender
        self._limit = limit_seconds
        self._repeats = Repeats()

    async def take(self, order: ScoreImport, file: bytes) -> Imported | BadFile | Reused | NotSent:
        """Send the scores of a file; ``limit_seconds`` holds for each chunk of it."""
        async for row in _in_slices(read_scores(io.BytesIO(file))):
            if isinstance(row, BadFile):
                return row
        what = f"{order.profile_id} {order.fire_triggers} ".encode() + file
        if not self._repeats.same(order.org_id, order.key, hashlib.sha256(what).digest()):
            return Reused()
        return await self._send(commands_of(order, self._outgoing, time.time_ns() // 1_000_000), file)

    async def _send(self, build: Built, file: bytes) -> Imported | NotSent:
        accepted = rejected_count = 0
        rejected: list[BadRow] = []
        async for chunk in _in_chunks(build, file):
            records = [one for one in chunk if isinstance(one, SourceRecord)]
            sent = await self._sender.send(records, self._limit) if records else []
            if isinstance(sent, Unsent):
                return NotSent(sent.certain and accepted == 0)
            accepted += len(records)
            rejected_count += len(chunk) - len(records)
            rejected += [one for one in chunk if isinstance(one, BadRow)][: REPORTED - len(rejected)]
        return Imported(accepted, rejected_count, rejected)


async def _in_chunks(build: Built, file: bytes) -> AsyncIterator[list[SourceRecord | BadRow]]:
    """Yield a readable file's rows as they are sent or reported."""
    chunk: list[SourceRecord | BadRow] = []
    async for row in _in_slices(read_scores(io.BytesIO(file))):
        if not isinstance(row, BadFile):
            chunk.append(build(row) if isinstance(row, GivenScore) else row)
        if len(chunk) == CHUNK_RECORDS:
            yield chunk
            chunk = []
    yield chunk


async def _in_slices(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for number, row in enumerate(rows, 1):
        yield row
        if number % SLICE_ROWS == 0:
            await asyncio.sleep(0)
