"""Ids and record keys: what names an org, a site, a contact, an event.

Laws: an id is an opaque string of 1-128 characters without control characters (category Cc); an org id matches
``[A-Za-z0-9_-]{1,64}``, so no org id holds ``:`` or NUL and a record key splits at its first colon.
Reads and writes nothing.  Source: contract section 1.
"""

import re
from typing import Final

MAX_ID_CHARACTERS: Final = 128
CANONICAL_INTEGER_LIMIT: Final = 2**53

_ID = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,128}")
_ORG = re.compile(r"[A-Za-z0-9_-]{1,64}")
ORG_PATTERN: Final = f"^{_ORG.pattern}$"
_CANONICAL = re.compile(r"0|[1-9][0-9]{0,15}")

valid_id = _ID.fullmatch
valid_org = _ORG.fullmatch


def text_id(value: str | int) -> str:
    """Return an id as text (an integer becomes its decimal text); ValueError when it is none."""
    if type(value) is int:
        value = str(value)
    if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARACTERS and (value.isprintable() or valid_id(value)):
        return value
    raise ValueError("an id has 1-128 characters and no control characters")


def text_org(value: str | int) -> str:
    """Return an org id as text; ValueError when it is none."""
    text = text_id(value)
    if valid_org(text) is None:
        raise ValueError("an org id is [A-Za-z0-9_-]{1,64}")
    return text


def contact_key(org_id: str, contact_id: str) -> bytes:
    """Return the record key of a contact: UTF-8 ``orgId:contactId`` (contract section 1)."""
    return f"{org_id}:{contact_id}".encode()


def split_contact_key(key: bytes) -> tuple[str, str]:
    """Return (org id, contact id) of a record key; ValueError when it has no colon or is not UTF-8."""
    org_id, colon, contact_id = key.decode().partition(":")
    if not colon:
        raise ValueError("a contact key is orgId:contactId")
    return org_id, contact_id


def rest_id(text: str) -> int | str:
    """Return an id as REST writes it: a canonical decimal integer below 2**53 as a number, any other as text."""
    if _CANONICAL.fullmatch(text) and int(text) < CANONICAL_INTEGER_LIMIT:
        return int(text)
    return text
