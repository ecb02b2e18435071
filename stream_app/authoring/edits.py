"""What may be asked of authored objects, and what comes of it: values only (planned by `edit_plans`).

Laws: a refusal has a closed reason; what is written is one transaction, the object's own record its last.
Source: contract section 3, decision 0006.
"""

import json
from dataclasses import dataclass
from typing import Literal

from schemas.config_headers import RequestMark
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import AuthoredKey, Body, Kind, Stored
from stream_app.authoring.problems import Problem
from stream_app.authoring.publishing import Action
from stream_app.scoring.rulebook import ConfigRecord

Sites = frozenset[str]
Reason = Literal[
    "invalid", "not_found", "changed_meanwhile", "other_site", "too_many_rules", "too_many_profiles", "id_taken",
    "key_reused", "default_profile", "always_live", "not_published", "in_use",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Add an object with an id of its own; ``fields`` is decoded JSON, ``sites`` None are all sites of the org."""

    kind: Kind
    org_id: str
    fields: object
    sites: Sites | None = None
    mark: RequestMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Change an object, wholly or what is named; ``versions`` are those it must have, None any."""

    key: AuthoredKey
    fields: object
    partial: bool
    versions: frozenset[int] | None = None
    sites: Sites | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete an object."""

    key: AuthoredKey
    versions: frozenset[int] | None = None
    sites: Sites | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Publish a profile, or take that back; ``version`` is the one to roll back to."""

    key: AuthoredKey
    action: Action
    version: int | None = None
    versions: frozenset[int] | None = None
    sites: Sites | None = None
    mark: RequestMark | None = None


Edit = Create | Put | Delete | Act


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was changed, and why."""

    reason: Reason
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """An edit in force from rulebook ``version`` on; ``stored`` None: deleted.

    ``seen`` is the version of the object, ``rules`` are those of a profile.
    """

    key: AuthoredKey
    stored: Stored | None
    version: int
    warnings: tuple[Problem, ...] = ()
    seen: int = 0
    rules: tuple[Body, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """Records to be written, the last that of the object; ``revision`` is the one that it gives the object."""

    changes: tuple[Change, ...]
    revision: int
    warnings: tuple[Problem, ...] = ()
    mark: RequestMark | None = None
    rules: tuple[Body, ...] = ()

    def done(self, record: ConfigRecord) -> Done:
        """Return the outcome, once the last record is committed."""
        version = record.offset + 1
        stored = None if record.value is None else Stored(json.loads(record.value), version, self.revision)
        return Done(self.changes[-1].key, stored, version, self.warnings, version, self.rules)


def visible(body: Body, sites: Sites | None) -> bool:
    """Tell whether a key of some sites sees a rule."""
    site = body.get("siteId")
    return sites is None or (isinstance(site, str) and site in sites)
