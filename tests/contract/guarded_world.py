"""A fake worker with one contact, one rule and one published profile of org 1, and a key of every kind."""

import time
from collections.abc import Mapping
from typing import Final

from schemas.state import SCHEMA_VERSION, Facts
from stream_app.authoring.api_keys import KeyRing
from stream_app.authoring.config_log import AuthoredKey
from stream_app.authoring.edits import Act, Create
from tests.unit.web_fakes import ROOT, World, api_key, core

RULE: Final = {"name": "Opened", "siteId": "1", "eventType": "email_open", "points": 5}
KEYS: Final[Mapping[str, str | None]] = {
    "no key": None, "garbage": "ls_admin_garbage", "expired": "ls_expired_secret", "revoked": "ls_revoked_secret",
    "read": "ls_read_secret", "write": "ls_write_secret", "admin": "ls_admin_secret", "sites": "ls_sites_secret",
    "org 2": "ls_other_secret", "as org 1": "ls_other_secret", "root": ROOT,
}  # fmt: skip


async def guarded_world() -> World:
    """Return org 1 with contact 42 (tag `vip`), rule 1 of site 1 and profile fit, and the keys of the columns."""
    made = World(variables={"LEADSTREAM_RATE_LIMIT_PER_SECOND": "1000000"})
    made.partitions.put("42", core(awards=1, total=5), Facts(SCHEMA_VERSION, "jane@example.com", ("vip",)))
    await made.config.apply(Create(kind="rule", org_id="1", fields=RULE))
    await made.config.apply(Create(kind="profile", org_id="1", fields={"id": "fit", "name": "Fit"}))
    await made.config.apply(Act(key=AuthoredKey("profile", "1", "fit"), action="publish"))
    past = time.time_ns() // 1_000_000 - 1
    made.api_keys.known = KeyRing(
        [
            api_key("ls_demo_secret", "1", "read"),
            api_key("ls_read_secret", "1", "read"),
            api_key("ls_write_secret", "1", "write"),
            api_key("ls_admin_secret", "1", "admin"),
            api_key("ls_sites_secret", "1", "admin", sites=frozenset({"9"})),
            api_key("ls_other_secret", "2", "admin"),
            api_key("ls_expired_secret", "1", "admin", expires_at=past),
        ]
    )
    return made
