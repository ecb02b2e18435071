"""A contact as the reference keeps it, and its parts as comparable text."""

import json
from typing import Any

from tests.faults.reference_clock import Silent
from tests.faults.reference_pages import new_memory, shown

WINDOW = 256
PARTS = ("core", "times", "facts", "once", "visits", "events", "commands")
PARTS_WITH_A_PAST = ("core", "times", "facts", "once", "visits")

Contact = dict[str, Any]
Body = dict[str, Any]


def new_contact(born: int) -> Contact:
    """A contact that is born at this instant."""
    return {
        "profiles": {}, "fires": {}, "logId": 0, "tags": [], "attributes": {}, "email": None,
        "events": [], "commands": [], "once": {}, "pages": new_memory(), "newest": 0, "visits": shown(new_memory()),
        "silent": Silent(born),
    }  # fmt: skip


def part(contact: Contact | None, name: str) -> str | None:
    """One comparable text of a part of a contact; fires of rules in no rulebook are the caller's to drop."""
    if contact is None:
        return None
    silent: Silent = contact["silent"]
    fields = {
        "core": {"profiles": contact["profiles"], "logId": contact["logId"], "fires": contact["fires"]},
        "times": {"born": silent.born, "newest": contact["newest"], "silentSince": silent.start,
                  "alarm": silent.alarm},
        "facts": {"tags": contact["tags"], "attributes": contact["attributes"], "email": contact["email"]},
        "once": contact["once"],
        "visits": contact["visits"],
        "events": contact["events"],
        "commands": contact["commands"][-WINDOW:],
    }[name]  # fmt: skip
    return json.dumps(fields, sort_keys=True)
