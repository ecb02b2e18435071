"""Commands that people and services order over REST: each acts once, and its answer is what it did (decision 0008).

Laws: a command id acts once for a contact, whoever repeats it; a repeat gets the first answer, or is told that it is
another order, or that the first answer is no longer at hand; the answer comes from what the command itself committed,
never from a later read.
Reads CommandResults and the ledger; writes ``commands``.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from schemas.events import Command, Rejected
from schemas.ids import contact_key
from schemas.outputs import CommandCause, ScoreChanged
from schemas.state import COMMANDS
from schemas.times import format_time
from stream_app.delivery.sender import SourceRecord
from stream_app.processing.outgoing import Outgoing
from stream_app.reading.command_ledger import Found
from stream_app.reading.command_results import CommandResult, CommandResults
from stream_app.reading.contacts import NotHere
from stream_app.reading.own_writes import NotSent, OwnWrites, Waiting, Written, wait_until_set
from stream_app.scoring.commands import ADJUST_REASON
from stream_app.scoring.dedupe import command_seen, id_hash

ORGS: Final = uuid.UUID("6f0c2d0e-5c1b-5c0a-9d0e-6c6561647374")  # the namespace of orgs' namespaces

Fate = Literal["pending", "applied", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Order:
    """A command to be: ``payload`` are the fields of its kind; ``by`` who asks."""

    org_id: str
    contact_id: str
    kind: Literal["adjust", "tag", "untag"]
    payload: Mapping[str, Any]
    by: str
    command_id: str

    @property
    def asked(self) -> bytes:
        """What makes two orders the same."""
        return json.dumps([self.kind, dict(self.payload)], sort_keys=True).encode()


@dataclass(frozen=True, slots=True)
class Applied:
    """Committed and readable; ``change`` is that of the profile that the command names, None when it did not move."""

    change: ScoreChanged | None


@dataclass(frozen=True, slots=True)
class Refused:
    """Not a command, or rejected by the stream; ``why`` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Reused:
    """The command id was used for another order on this contact."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The command id acted before, and its answer is no longer at hand."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The command id acted before, and its answer will be at hand when this worker has read the score log."""


Answer = Applied | Refused | Reused | Forgotten | Unread | Waiting | NotSent | NotHere


class Ledger(Protocol):
    """Where what a command did is found again after a restart."""

    async def of_command(self, partition: int, key: bytes, command_id: str) -> Found:
        """Return what a command did to the scores of its contact."""
        ...


def command_id_of(org_id: str, idempotency_key: str | None) -> str:
    """Return the command id of an Idempotency-Key, uuid5 of org and key (contract section 3); without one a new id."""
    if idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(uuid.uuid5(ORGS, org_id), idempotency_key))


class Orders:
    """Commands to contacts whose partition is open here."""

    def __init__(self, outgoing: Outgoing, own: OwnWrites, results: CommandResults, ledger: Ledger) -> None:
        self._outgoing = outgoing
        self._own = own
        self._results = results
        self._ledger = ledger

    async def give(self, order: Order) -> Answer:
        """Let a command act and return what it did."""
        key = contact_key(order.org_id, order.contact_id)
        elsewhere = self._own.elsewhere(key)
        if elsewhere is not None:
            return elsewhere
        built = self._built(order)
        if isinstance(built, Rejected):
            return Refused(built.message)
        record, command = built
        known = self._known(key, order.command_id)
        if self._remembered(key, order.command_id):
            if known is None:
                return await self._repeated(record, command)
            self._results.passed(known)
        if known is not None and known.asked != order.asked:
            return Reused()
        answer = await (self._send(record, command, order.asked) if known is None else self._join(known, command))
        return await self._repeated(record, command) if self._acted_unseen(key, command, answer) else answer

    def fate(self, org_id: str, contact_id: str, command_id: str) -> tuple[Fate, str] | NotHere:
        """Return what became of a command and, of a rejected one, why."""
        key = contact_key(org_id, contact_id)
        elsewhere = self._own.elsewhere(key)
        if elsewhere is not None:
            return elsewhere
        result = self._known(key, command_id)
        if result is not None and result.state == "rejected":
            return "rejected", result.why
        if self._remembered(key, command_id):
            return "applied", ""
        if result is None or self._passed(key, result):
            return "unknown", ""
        return "pending", ""

    def _built(self, order: Order) -> tuple[SourceRecord, Command] | Rejected:
        now = time.time_ns() // 1_000_000
        fields = {
            "commandId": order.command_id, "orgId": order.org_id, "contactId": order.contact_id, "kind": order.kind,
            **order.payload, "at": format_time(now), "by": order.by,
        }  # fmt: skip
        return self._outgoing.command({name: value for name, value in fields.items() if value is not None}, now)

    async def _send(
        self, record: SourceRecord, command: Command, asked: bytes
    ) -> Applied | Refused | Reused | Waiting | NotSent:
        result = self._results.expect(record.partition, record.key, command.command_id, asked)
        match await self._own.write(record, result.acknowledged):
            case NotSent() as unsent:
                self._results.unsent(record.key, command.command_id)
                return unsent
            case Written():
                self._results.passed(result)
            case Waiting():
                pass
        return _answer(result, command)

    async def _join(self, result: CommandResult, command: Command) -> Applied | Refused | Reused | Waiting | NotSent:
        """Wait for the result of a command that another request sent."""
        await wait_until_set(result.ended, self._own.limit_seconds)
        return _answer(result, command)

    async def _repeated(self, record: SourceRecord, command: Command) -> Applied | Reused | Forgotten | Unread:
        """Answer for a command id that acted before this worker knew of it, from the ledger."""
        found = await self._ledger.of_command(record.partition, record.key, command.command_id)
        return _told(found.changes, command) or (Forgotten() if found.complete else Unread())

    def _acted_unseen(self, key: bytes, command: Command, answer: Answer) -> bool:
        """Tell whether a command acted, but in no batch that was observed: sent by another, or at another owner."""
        if isinstance(answer, Waiting):
            return self._remembered(key, command.command_id)
        return isinstance(answer, Applied) and answer.change is None and command.kind == "adjust"

    def _known(self, key: bytes, command_id: str) -> CommandResult | None:
        """Return what is known of a command, nothing from before the partition was another owner's."""
        partition = self._own.partition_of(key)
        self._results.stands_at(partition, self._own.seq(partition))
        return self._results.find(key, command_id)

    def _passed(self, key: bytes, result: CommandResult) -> bool:
        topic, partition = self._outgoing.commands, self._own.partition_of(key)
        return result.offset is not None and self._own.has(partition, topic, result.offset)

    def _remembered(self, key: bytes, command_id: str) -> bool:
        return command_seen(self._own.section(key, COMMANDS) or b"", id_hash(command_id))


def _answer(result: CommandResult, command: Command) -> Applied | Refused | Reused | Waiting | NotSent:
    """Return what became of a command."""
    match result.state:
        case "applied":
            return _told(result.changes, command) or Applied(None)
        case "rejected":
            return Refused(result.why)
        case "unsent":
            return NotSent(certain=False)
        case "pending" | "lost":
            return Waiting(command.command_id)


def _told(changes: Sequence[ScoreChanged], command: Command) -> Applied | Reused | None:
    """Return what the changes of its id tell of a command; None when its own award is not among them.

    They may be of another order of the same id: the stream lets the first act, wherever it was given.
    """
    causes = [change.cause for change in changes]
    if any(not isinstance(cause, CommandCause) or cause.command != command.kind for cause in causes):
        return Reused()
    named = next((change for change in changes if change.profile_id == command.profile_id), None)
    if command.kind != "adjust":
        return Applied(named)  # a tag given or taken before is answered like one given or taken now
    reason = ADJUST_REASON if command.reason is None else command.reason
    asked = command.profile_id, command.amount, reason
    own = [(one.profile_id, row.points, row.reason) for one in changes for row in one.awards if row.rule_id is None]
    if not own:
        return None
    return Applied(named) if own == [asked] else Reused()
