"""A client that writes rules and profiles over HTTP, with keys of an admin, of one site, and of another org."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

from aiohttp import ClientResponse

from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook, fold
from tests.unit.config_fakes import MemoryConfig
from tests.unit.web_client import Client, serving
from tests.unit.web_fakes import World, api_key, bearer

ADMIN, SITE, OTHER = "ls_admin_secret", "ls_site_secret", "ls_other_secret"
RULES: Final = "/v1/scoring/rules"
PROFILES: Final = "/v1/scoring/profiles"
DEFAULT: Final = f"{PROFILES}/default"


class Served(NamedTuple):
    """The web and what it edits."""

    client: Client
    config: MemoryConfig

    async def ask(self, method: str, path: str, body: Any = None, key: str = ADMIN, **headers: str) -> ClientResponse:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, path, json=body, headers=bearer(key, **more))

    async def data(self, method: str, path: str, body: Any = None, key: str = ADMIN, **headers: str) -> Any:
        answer = await self.ask(method, path, body, key, **headers)
        assert answer.status < 400, await answer.text()
        return (await answer.json())["data"]

    async def problem(self, method: str, path: str, body: Any = None, key: str = ADMIN, **headers: str) -> Any:
        answer = await self.ask(method, path, body, key, **headers)
        assert answer.content_type == "application/problem+json", await answer.text()
        found = await answer.json()
        return answer.status, found["code"], [(error["pointer"], error["code"]) for error in found["errors"]]

    def rulebook(self) -> Rulebook:
        """What scores now; the fold ignores nothing that was written."""
        folded = fold(EMPTY_RULEBOOK, self.config.records)
        assert not folded.ignored, folded.ignored
        return folded.rulebook


@asynccontextmanager
async def authors() -> AsyncIterator[Served]:
    """A worker whose config is empty, for org 1 and org 2."""
    world = World()
    assert world.api_keys.known is not None
    for key in (
        api_key(ADMIN, "1", "admin"),
        api_key(SITE, "1", "admin", sites=frozenset({"7"})),
        api_key(OTHER, "2", "admin"),
    ):
        world.api_keys.known.fold(key.id.encode(), key.encode())
    async with serving(world) as client:
        yield Served(client, world.config)
