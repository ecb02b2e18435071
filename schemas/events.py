"""Inputs that flow: engagement events, contact attributes and commands, as sent and as leadstream reads them.

Laws: ``*Wire`` structs are the tolerant shapes that bytes decode to (unknown fields ignored, ids may be JSON integers);
the structs without that ending are validated: ids are text, times are milliseconds of the Unix epoch, UTC.
Only ``stream_app.processing.codec`` turns one into the other.  Source: contract section 2.
"""

import re
from typing import Any, Final, Literal

import msgspec

KNOWN_TYPES: Final = frozenset(
    "email_sent email_delivered email_open email_click email_reply sms_reply email_complaint unsubscribe tag_added "
    "custom_event page_visit asset_download form_submit link_click appointment conversation".split()
)
PAGE_VISIT: Final = "page_visit"
EMAIL_CLICK: Final = "email_click"
TAG_ADDED: Final = "tag_added"
TAG_PROPERTY: Final = "tagName"
MANUAL: Final = "manual"
COMMAND_KINDS: Final = ("adjust", "set", "tag", "untag", "reset", "enrol")

valid_type: Final = re.compile(r"[a-z][a-z0-9_]{0,63}").fullmatch

Properties = dict[str, Any]


class EngagementEventWire(msgspec.Struct, rename="camel", gc=False):
    """An engagement event as received."""

    org_id: str | int
    contact_id: str | int
    type: str
    event_id: str | int | None = None
    site_id: str | int | None = None
    occurred_at: str | None = None
    properties: Properties | None = None


class EngagementEvent(msgspec.Struct, gc=False, frozen=True):
    """A valid engagement event; ``occurred_at`` falls back to the record's CreateTime."""

    org_id: str
    contact_id: str
    type: str
    event_id: str | None
    site_id: str | None
    occurred_at: int
    properties: Properties


class ContactAttributesWire(msgspec.Struct, rename="camel", gc=False):
    """Attributes of a contact as received; a null record value is the order to erase, not this."""

    org_id: str | int
    contact_id: str | int
    email: str | None = None
    attributes: Properties | None = None
    updated_at: str | None = None


class ContactAttributes(msgspec.Struct, gc=False, frozen=True):
    """Valid attributes: they replace all earlier ones of the contact."""

    org_id: str
    contact_id: str
    email: str | None
    attributes: Properties
    updated_at: int


class Erase(msgspec.Struct, gc=False, frozen=True):
    """A tombstone in ``contacts``: forget this contact (S52)."""

    org_id: str
    contact_id: str
    at: int


class CommandWire(msgspec.Struct, rename="camel", gc=False):
    """A command as received; which payload fields count depends on ``kind``."""

    org_id: str | int
    contact_id: str | int
    kind: str
    command_id: str | int
    at: str | None = None
    by: str | None = None
    points: Any = None
    score: Any = None
    reason: Any = None
    profile_id: Any = None
    fire_triggers: Any = None
    tag: Any = None
    program_id: Any = None


class Command(msgspec.Struct, gc=False, frozen=True):
    """A valid command; ``amount`` is the points of adjust or the score of set, ``tag`` that of tag and untag."""

    org_id: str
    contact_id: str
    kind: Literal["adjust", "set", "tag", "untag", "reset", "enrol"]
    command_id: str
    at: int
    by: str | None = None
    amount: int = 0
    reason: str | None = None
    profile_id: str = "default"
    fire_triggers: bool = False
    tag: str = ""
    program_id: str = ""


class Rejected(msgspec.Struct, gc=False, frozen=True):
    """A record that is not an input: the closed reason and a sentence for the person who reads the dead letter."""

    reason: Literal[
        "too_large", "not_json", "invalid_event", "missing_key", "key_mismatch", "wrong_partition", "too_late",
        "unknown_command", "invalid_command",
    ]  # fmt: skip
    message: str
