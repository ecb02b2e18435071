"""Writes to one contact that are no commands: new attributes, and the order to erase it (S52).

Laws: those of OwnWrites; whoever erases an unknown contact is told so and nothing is sent.
Writes ``contacts``.
"""

import time
from collections.abc import Mapping
from typing import Any

from schemas.events import Rejected
from schemas.ids import contact_key
from schemas.state import CORE
from stream_app.processing.outgoing import Outgoing
from stream_app.reading.contacts import NotFound, NotHere
from stream_app.reading.own_writes import NotSent, OwnWrites, Waiting, Written


class ContactWrites:
    """Attributes and erasures of contacts whose partition is open here."""

    def __init__(self, outgoing: Outgoing, own: OwnWrites) -> None:
        self._outgoing = outgoing
        self._own = own

    async def attributes(
        self, org_id: str, contact_id: str, email: str | None, attributes: Mapping[str, Any]
    ) -> Written | Rejected | Waiting | NotSent | NotHere:
        """Replace e-mail and attributes of a contact; an unknown one exists from then on (S3)."""
        elsewhere = self._own.elsewhere(contact_key(org_id, contact_id))
        if elsewhere is not None:
            return elsewhere
        fields = {"orgId": org_id, "contactId": contact_id, "email": email, "attributes": dict(attributes)}
        record = self._outgoing.attributes(fields, time.time_ns() // 1_000_000)
        return record if isinstance(record, Rejected) else await self._own.write(record)

    async def erase(self, org_id: str, contact_id: str) -> Written | Waiting | NotSent | NotFound | NotHere:
        """Erase a contact."""
        missing = self.missing(org_id, contact_id)
        return missing or await self._own.write(self._outgoing.erase(org_id, contact_id))

    def missing(self, org_id: str, contact_id: str) -> NotFound | NotHere | None:
        """Return why nothing is known of a contact here; None when it is known."""
        key = contact_key(org_id, contact_id)
        elsewhere = self._own.elsewhere(key)
        if elsewhere is not None:
            return elsewhere
        return NotFound("contact") if self._own.section(key, CORE) is None else None
