"""The profiles of an org as a list shows them, each told once for each time that it changed.

Laws: a list leaves the rules out, but whether a draft differs takes reading all of them; so what was told is kept, by
the rulebook version at which the profile or a rule of it changed last, and the loop has a turn after each that is told
anew.  At most KEPT are remembered; those that were asked for the longest ago go first.
Reads a ConfigLog.  Source: decision 0016.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from schemas.authored import DEFAULT_PROFILE
from stream_app.authoring.config_log import AuthoredKey, ConfigLog
from stream_app.authoring.drafts import shown_of
from stream_app.web.profile_bodies import listed_body

KEPT: Final = 2_000

Listed = Mapping[str, Any]


class ListedProfiles:
    """What was told of profiles."""

    def __init__(self) -> None:
        self._told: dict[AuthoredKey, tuple[int, Listed]] = {}

    async def of(self, log: ConfigLog, org_id: str) -> list[Listed]:
        """Return the profiles of an org, the default one first, the others as first written."""
        ids = dict.fromkeys([DEFAULT_PROFILE, *log.objects("profile", org_id)])
        found = [await self._one(log, AuthoredKey("profile", org_id, profile_id)) for profile_id in ids]
        return [listed for listed in found if listed is not None]

    async def _one(self, log: ConfigLog, key: AuthoredKey) -> Listed | None:
        """Return a profile; None when it was deleted while those before it were told."""
        if key.id != DEFAULT_PROFILE and log.find(key) is None:
            return None
        version = log.version_of(key)
        known, listed = self._told.pop(key, (None, {}))
        if version == known:
            self._told[key] = version, listed
            return listed
        listed = listed_body(shown_of(log, key))
        self._told[key] = version, listed
        if len(self._told) > KEPT:
            del self._told[next(iter(self._told))]
        await asyncio.sleep(0)
        return listed
