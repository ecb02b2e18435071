"""What became of the commands that this worker sent, learnt from its own committed batches.

Laws: a result is told only by what was committed: the command's own ScoreChanged or its dead letter, recognised by its
id.  A command without either has a result once its position is committed; whoever sent it says so (``passed``).
What was known of a partition goes when a batch of it was committed that was not observed: another owner, whose it was
meanwhile, may have erased the contact, or let the command act or be rejected.
Bounded; in memory only: what outlasts the worker is the contact's own memory of command ids.  An erased contact is
forgotten here too (S52).
Reads score-changed and dead-letters outputs; writes nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from schemas.outputs import CommandCause, ScoreChanged
from stream_app.delivery.handler import Output
from stream_app.processing.dead_letters import ERRORS

REMEMBERED: Final = 10_000


class _CommandId(msgspec.Struct, rename="camel"):
    command_id: str


_decode_id: Final = msgspec.json.Decoder(_CommandId).decode
_decode_change: Final = msgspec.json.Decoder(ScoreChanged).decode


@dataclass(slots=True, eq=False)
class CommandResult:
    """One command: ``asked`` is its payload, ``offset`` where Kafka has it, ``ended`` set when ``state`` is final.

    ``changes`` are its own ScoreChanged, in order; ``unsent``: Kafka has it not; ``lost``: it may have acted unseen.
    """

    partition: int
    asked: bytes
    state: Literal["pending", "applied", "rejected", "unsent", "lost"] = "pending"
    offset: int | None = None
    changes: tuple[ScoreChanged, ...] = ()
    why: str = ""
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def acknowledged(self, offset: int) -> None:
        """Learn where Kafka has it."""
        self.offset = offset


class CommandResults:
    """Results by contact key and command id; ``commands``, ``score_changed``, ``dead_letters`` are topic names."""

    def __init__(self, commands: str, score_changed: str, dead_letters: str, *, remembered: int = REMEMBERED) -> None:
        self._commands = commands
        self._origin = f'{{"id":"{commands}-'.encode()
        self._score_changed = score_changed
        self._dead_letters = dead_letters
        self._remembered = remembered
        self._count = 0
        self._seqs: dict[int, int] = {}
        self._open: set[CommandResult] = set()
        self._contacts: OrderedDict[bytes, dict[str, CommandResult]] = OrderedDict()

    def find(self, key: bytes, command_id: str) -> CommandResult | None:
        """Return what is known of a contact's command."""
        return self._contacts.get(key, {}).get(command_id)

    def expect(self, partition: int, key: bytes, command_id: str, asked: bytes) -> CommandResult:
        """Begin to watch for a command that is about to be sent."""
        result = self._contacts.setdefault(key, {})[command_id] = CommandResult(partition, asked)
        self._open.add(result)
        self._contacts.move_to_end(key)
        self._count += 1
        while self._count > self._remembered:
            self._forget(next(iter(self._contacts)))
        return result

    def unsent(self, key: bytes, command_id: str) -> None:
        """Forget a command that Kafka did not get; who waits for it is told."""
        results = self._contacts.get(key, {})
        result = results.pop(command_id, None)
        if result is not None:
            self._count -= 1
            self._end(result, "unsent")
        if not results:
            self._contacts.pop(key, None)

    def passed(self, result: CommandResult) -> None:
        """Say that a command's position is committed: without change or dead letter it had nothing to change."""
        if result.state == "pending":
            self._end(result, "applied")

    def stands_at(self, partition: int, seq: int) -> None:
        """Learn that ``seq`` is a partition's last committed batch; when others than were observed lie before it."""
        # INVARIANT: nothing_is_known_of_commands_from_before_another_owner
        if self._seqs.get(partition, seq) != seq:
            for result in [one for one in self._open if one.partition == partition]:
                self._end(result, "lost")
            contacts = self._contacts.items()
            for key in [key for key, known in contacts if next(iter(known.values())).partition == partition]:
                self._forget(key)
        self._seqs[partition] = seq

    def observe(self, partition: int, seq: int, outputs: Mapping[str, Sequence[Output]]) -> None:
        """Take in the outputs of a committed batch."""
        if not self._contacts:
            return
        self.stands_at(partition, seq - 1)
        self._seqs[partition] = seq
        changes, origin = outputs.get(self._score_changed, ()), self._origin
        for key, value, _ in changes if self._open else [change for change in changes if change[1] is None]:
            if value is None:
                self._forget(key or b"")
            elif value.startswith(origin):  # also behind changes that the clock made in the same batch
                self._changed(key or b"", value)
        for key, command_id, why in self._rejected(outputs.get(self._dead_letters, ()) if self._open else ()):
            result = self.find(key, command_id)
            if result is not None:
                result.why = why
                self._end(result, "rejected")

    def _changed(self, key: bytes, value: bytes) -> None:
        results = self._contacts.get(key)
        if results is None:
            return
        change = _decode_change(value)
        result = results.get(change.cause.command_id) if isinstance(change.cause, CommandCause) else None
        if result is not None:
            result.changes += (change,)
            self._end(result, "applied")

    def _rejected(self, letters: Sequence[Output]) -> Iterator[tuple[bytes, str, str]]:
        """Yield (contact key, command id, why) of the dead letters that were commands."""
        for key, value, headers in letters:
            said = dict(headers)
            if said.get(f"{ERRORS}topic") != self._commands.encode() or key not in self._contacts or value is None:
                continue
            try:
                command_id = _decode_id(value).command_id
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # not one of ours
            yield key, command_id, (said.get(f"{ERRORS}message") or b"").decode()

    def _forget(self, key: bytes) -> None:
        forgotten = self._contacts.pop(key, {})
        self._count -= len(forgotten)
        self._open.difference_update(forgotten.values())

    def _end(self, result: CommandResult, state: Literal["applied", "rejected", "unsent", "lost"]) -> None:
        result.state = state
        result.ended.set()
        self._open.discard(result)
