"""What REST takes and answers of contacts, events and imports: one model per body, and the base of all bodies.

Laws: what is received is strict and closed, as every authored body; what is answered names its fields as PushMail does
where PushMail has them.  Source: contract section 3.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from schemas.authored import Authored, EventType, ProfileId

Int64 = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
GivenId = Annotated[int, Field(strict=True)] | Annotated[str, StringConstraints(min_length=1, max_length=128)]
Reason = Annotated[str, StringConstraints(max_length=500)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class RestBody(Authored):
    """Base of bodies that REST receives: camelCase on the wire, strict, closed."""


class AdjustBody(RestBody):
    """``POST /contacts/{id}/score``: points to add; ``reason`` as the ledger will show it."""

    points: Int64
    reason: Reason | None = None
    profile_id: ProfileId | None = None


class Adjusted(RestBody):
    """What an adjustment did: what was asked, and the score shown right after it."""

    contact_id: int | str
    points_added: int
    new_score: int
    profile_id: str
    version: int
    command_id: str


class CommandStatus(RestBody):
    """What became of a command; ``detail`` says why it was rejected."""

    command_id: str
    contact_id: int | str
    status: Literal["pending", "applied", "rejected", "unknown"]
    detail: str | None = None


class AttributesBody(RestBody):
    """``PUT /contacts/{id}/attributes``: replaces e-mail and all attributes."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=320)] | None = None
    attributes: dict[str, Any]


class Attributes(RestBody):
    """E-mail and attributes of a contact as written."""

    contact_id: int | str
    email: str | None
    attributes: dict[str, Any]


class TagBody(RestBody):
    """``POST /contacts/{id}/tags``."""

    tag: Tag


class Tagged(RestBody):
    """A tag that the contact has."""

    contact_id: int | str
    tag: str


class ProfileScore(RestBody):
    """The score of one profile of a contact; ``awards`` is the whole ledger's count and sum."""

    profile_id: str
    score: int
    version: int
    awards: "LedgerSum"


class LedgerSum(RestBody):
    """How many awards there are, and their sum."""

    count: int
    points: int


class Contact(RestBody):
    """Everything known of one contact but its log; scores that decay are as last told.

    ``created_at`` is the partition's clock at its first input, or that input's own time where the clock was behind.
    """

    contact_id: int | str
    email: str | None
    lead_score: int
    scores: list[ProfileScore]
    tags: list[str]
    attributes: dict[str, Any]
    attributes_updated_at: str | None
    created_at: str
    last_event_at: str | None


class ListedContact(RestBody):
    """A contact in a list; ``changed_at`` is when any of its scores last changed; one that decays is as last told."""

    contact_id: int | str
    email: str | None
    lead_score: int
    profile_id: str
    version: int
    changed_at: str


class LookupBody(RestBody):
    """``POST /scores/lookup``."""

    contact_ids: Annotated[list[GivenId], Field(min_length=1, max_length=500)]
    profile_id: ProfileId | None = None


class FoundScore(RestBody):
    """The score of one contact that was asked for; one that decays is as last told."""

    contact_id: int | str
    email: str | None
    lead_score: int
    profile_id: str
    version: int


class Looked(RestBody):
    """Scores of contacts, in the order in which they were asked for, and the ids of those never seen."""

    scores: list[FoundScore]
    unknown: list[int | str]


class EventsBody(RestBody):
    """``POST /events``: up to 1,000 events; one event or an array of events are taken too."""

    events: Annotated[list["EventBody"], Field(min_length=1, max_length=1000)]


class EventBody(RestBody):
    """An engagement event as a client posts it; unknown fields are ignored."""

    model_config = ConfigDict(extra="allow")

    contact_id: GivenId
    type: EventType
    event_id: GivenId | None = None
    org_id: GivenId | None = None
    site_id: GivenId | None = None
    occurred_at: str | None = None
    properties: dict[str, Any] | None = None


class AcceptedEvents(RestBody):
    """How many events Kafka has acknowledged, and their ids in order."""

    accepted: int
    event_ids: list[str]


class RejectedRow(RestBody):
    """A row of an import that was not taken; line 1 is the header."""

    line: int
    code: str
    message: str


class ImportedScores(RestBody):
    """How many scores Kafka has acknowledged, how many rows were rejected, and the first 1,000 of those."""

    accepted: int
    rejected_count: int
    rejected: list[RejectedRow]
