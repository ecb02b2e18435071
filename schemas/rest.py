"""What REST takes and answers beside authored objects: one model per body.

Laws: what is received is strict and closed, as every authored body; what is answered names its fields as PushMail does
where PushMail has them.  Source: contract section 3.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from schemas.api_keys import MAX_KEY_NAME, MAX_SITES, Scope
from schemas.authored import Authored, EventType, ProfileId, Rule, RuleBody, SiteId
from schemas.ids import ORG_PATTERN

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
    """A contact in a list; ``changed_at`` is when this score was last committed to; one that decays is as last told."""

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


KeyOrg = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, StringConstraints(pattern=ORG_PATTERN)]
KeySite = Annotated[int, Field(ge=0, le=2**63 - 1)] | SiteId


class KeyBody(RestBody):
    """``POST /keys``: no ``sites`` is every site of the org, no ``expiresAt`` is for ever."""

    org_id: KeyOrg
    scope: Scope
    sites: Annotated[list[KeySite], Field(min_length=1, max_length=MAX_SITES)] | None = None
    expires_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_NAME)] | None = None


class KeyAnswer(RestBody):
    """An API key without its text."""

    id: str
    org_id: int | str
    scope: Scope
    sites: list[int | str] | None
    expires_at: str | None
    created_at: str
    name: str | None


class NewKeyAnswer(KeyAnswer):
    """A new API key; ``key`` is its text, told once."""

    key: str


class Holder(RestBody):
    """Whose key a request carries; the root key has no id, and no org of its own."""

    key_id: str | None
    org_id: int | str | None
    scope: Literal["read", "write", "admin", "root"]
    sites: list[int | str] | None


class RuleFireCount(RestBody):
    """How often a rule has fired over all contacts, and how many contacts have it in their counts."""

    rule_id: int
    rule_name: str
    site_id: int | str | None
    fires: int
    contacts: int


def _nothing_required(schema: dict[str, Any]) -> None:
    """Make a schema one of a partial body: what is absent stays as it is, so nothing has a default either."""
    schema.pop("required", None)
    for field in schema["properties"].values():
        field.pop("default", None)


class RuleCreate(RuleBody):
    """``POST /scoring/rules``."""

    site_id: Int64 | SiteId | None = None  # pyright: ignore[reportIncompatibleVariableOverride] REST takes both


class RuleUpdate(RuleCreate):
    """``PUT /scoring/rules/{id}``: changes what it names; null clears."""

    model_config = ConfigDict(json_schema_extra=_nothing_required)


class RuleAnswer(Rule):
    """A rule."""

    org_id: int | str  # pyright: ignore[reportIncompatibleVariableOverride] as REST writes ids
    site_id: int | str | None = None  # pyright: ignore[reportIncompatibleVariableOverride] as REST writes ids
