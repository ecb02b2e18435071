"""Make, list and revoke API keys: what the root key may do over REST, and the command line beside the workers.

Laws: a list and a revocation know every key that was acknowledged before they were asked; the text of a new key is in
its answer and nowhere else; ``in_force`` says whether this process's own follower has read the change.
Reads and writes the topic ``api-keys``.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.api_keys import Scope
from stream_app.authoring.api_key_topic import read_keys, write_key
from stream_app.authoring.api_keys import ApiKey, make_key
from stream_app.delivery.recovery import RETRIED
from stream_app.settings import Settings

KAFKA_SECONDS: Final = 5.0
IN_FORCE_SECONDS: Final = 5.0


class KeysUnavailable(Exception):
    """Kafka did not answer in time; whether a change was made is not known."""


class Follower(Protocol):
    """Whoever must have read a change before it is in force here."""

    async def wait_for(self, offset: int) -> None:
        """Wait until the record at an offset is in force."""
        ...


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key and its text."""

    key: ApiKey
    text: str = field(repr=False)
    in_force: bool


@dataclass(frozen=True, slots=True)
class Revoked:
    """A key that has been revoked."""

    key: ApiKey
    in_force: bool


class KeyAdministration:
    """Works on ``api-keys``; ``follower`` None is nobody who follows, as on the command line."""

    def __init__(self, settings: Settings, follower: Follower | None = None) -> None:
        self._settings = settings
        self._follower = follower

    async def make(
        self,
        org_id: str,
        scope: Scope,
        *,
        sites: frozenset[str] | None = None,
        expires_at: int | None = None,
        name: str | None = None,
    ) -> MadeKey:
        """Make a key; ``expires_at`` in milliseconds; KeysUnavailable."""
        now = time.time_ns() // 1_000_000
        key, text = make_key(org_id=org_id, scope=scope, now=now, sites=sites, expires_at=expires_at, name=name)
        async with _answered():
            offset = await write_key(self._settings, key.id, key)
        return MadeKey(key, text, await self._in_force(offset))

    async def of_org(self, org_id: str) -> list[ApiKey]:
        """Return an org's keys, expired ones too, the oldest first; KeysUnavailable."""
        async with _answered():
            return (await read_keys(self._settings)).of_org(org_id)

    async def find(self, key_id: str) -> ApiKey | None:
        """Return a key by its id; KeysUnavailable."""
        async with _answered():
            return (await read_keys(self._settings)).get(key_id)

    async def revoke(self, key_id: str) -> Revoked | None:
        """Revoke a key; None when there is none of this id; KeysUnavailable."""
        key = await self.find(key_id)
        if key is None:
            return None
        async with _answered():
            offset = await write_key(self._settings, key_id, None)
        return Revoked(key, await self._in_force(offset))

    async def _in_force(self, offset: int) -> bool:
        if self._follower is None:
            return False
        try:
            async with asyncio.timeout(IN_FORCE_SECONDS):
                await self._follower.wait_for(offset)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def _answered() -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            yield
    except RETRIED as error:
        raise KeysUnavailable(f"the topic of api keys: {error!r}") from error
