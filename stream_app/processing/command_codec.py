"""Commands on the wire: which payload fields count depends on the kind (contract: Command).

Laws: unknown_command before invalid_command; points and scores are int64 written as JSON integers (``5.0`` is none);
null is absent; fields of other kinds are ignored.
"""

import re
from typing import Any, Final

from schemas.authored import DEFAULT_PROFILE
from schemas.events import COMMAND_KINDS, Command, CommandWire, Rejected
from schemas.ids import text_id, text_org
from schemas.times import time_of
from stream_app.processing.json_reader import read_object, shaped
from stream_app.scoring.ledger import fits
from stream_app.scoring.tags import valid_tag

MAX_REASON_CHARACTERS: Final = 500
_valid_profile: Final = re.compile(r"[a-z0-9_-]{1,64}").fullmatch


def read_command(value: bytes, timestamp: int) -> Command | Rejected:
    """Return the command that the bytes are; ``at`` falls back to the record's timestamp."""
    tree = read_object(value, "invalid_command")
    if isinstance(tree, Rejected):
        return tree
    if tree.get("kind") not in COMMAND_KINDS:
        return Rejected("unknown_command", f"kind is none of {', '.join(COMMAND_KINDS)}")
    wire = shaped(tree, CommandWire, "invalid_command")
    if isinstance(wire, Rejected):
        return wire
    try:
        return _command(wire, timestamp)
    except ValueError as error:
        return Rejected("invalid_command", str(error))


def _command(wire: CommandWire, timestamp: int) -> Command:
    """Return a valid command; ValueError says what is not."""
    kind: Any = wire.kind
    scores = kind in {"adjust", "set"}
    return Command(
        text_org(wire.org_id), text_id(wire.contact_id), kind, text_id(wire.command_id), time_of(wire.at, timestamp),
        by=None if wire.by is None else text_id(wire.by),
        amount=_amount(wire.points if kind == "adjust" else wire.score) if scores else 0,
        reason=_reason(wire.reason) if scores else None,
        profile_id=_profile(wire.profile_id) if scores else DEFAULT_PROFILE,
        fire_triggers=_flag(wire.fire_triggers) if kind == "set" else False,
        tag=_tag(wire.tag) if kind in {"tag", "untag"} else "",
        program_id=_program(wire.program_id) if kind == "enrol" else "",
    )  # fmt: skip


def _amount(value: Any) -> int:
    if type(value) is not int or not fits(value):
        raise ValueError("points of adjust and score of set are integers of 64 bits")
    return value


def _reason(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_REASON_CHARACTERS):
        raise ValueError(f"reason is a text of at most {MAX_REASON_CHARACTERS} characters")
    return value


def _profile(value: Any) -> str:
    if value is None:
        return DEFAULT_PROFILE
    if not (isinstance(value, str) and _valid_profile(value)):
        raise ValueError("profileId is [a-z0-9_-]{1,64}")
    return value


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ValueError("fireTriggers is true or false")
    return bool(value)


def _tag(value: Any) -> str:
    if not valid_tag(value):
        raise ValueError("tag is a text of 1-128 characters")
    return value


def _program(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError("programId is an id")
    return text_id(value)
