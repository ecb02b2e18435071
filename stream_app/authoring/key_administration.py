"""Make, list and revoke API keys: what the root key may do over REST, and the command line beside the workers.

Laws: a list and a revocation know every key that was acknowledged before they were asked; the text of a new key is in
its answer and nowhere else, so a repeated request is told which key it made; of two of the same moment the one whose
record stands first has made it, the other takes its own back; ``in_force`` says whether this process's own follower has
read the change.
Reads and writes the topic ``api-keys``.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.api_keys import Scope
from schemas.config_headers import RequestMark
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


@dataclass(frozen=True, slots=True)
class MadeBefore:
    """The key that this request, or with ``same`` false one of another body, has made already."""

    key: ApiKey
    same: bool


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
        request: RequestMark | None = None,
    ) -> MadeKey:
        """Make a key; ``expires_at`` in milliseconds; KeysUnavailable."""
        now = time.time_ns() // 1_000_000
        key, text = make_key(
            org_id=org_id, scope=scope, now=now, sites=sites, expires_at=expires_at, name=name, request=request
        )
        async with _answered():
            offset = await write_key(self._settings, key.id, key)
        return MadeKey(key, text, await self._in_force(offset))

    # INVARIANT: of_requests_with_one_idempotency_key_one_makes_a_key
    async def make_once(
        self,
        request: RequestMark,
        org_id: str,
        scope: Scope,
        *,
        sites: frozenset[str] | None = None,
        expires_at: int | None = None,
        name: str | None = None,
    ) -> MadeKey | MadeBefore:
        """Make the key of a request with an Idempotency-Key, unless it made one in the last 24 hours."""
        if (before := await self._made_by(org_id, request)) is not None:
            return before
        made = await self.make(org_id, scope, sites=sites, expires_at=expires_at, name=name, request=request)
        first = await self._made_by(org_id, request)
        if first is None or first.key.id == made.key.id:
            return made
        async with _answered():
            await write_key(self._settings, made.key.id, None)
        return first

    async def _made_by(self, org_id: str, request: RequestMark) -> MadeBefore | None:
        async with _answered():
            key = (await read_keys(self._settings)).made_by(org_id, request.key, time.time_ns() // 1_000_000)
        return None if key is None else MadeBefore(key, key.request == request)

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
