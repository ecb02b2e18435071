"""``GET /whoami``: what the key of a request is and may do.

Laws: it tells nothing that the key's holder could not find out by asking, and nothing of its text.
"""

from typing import Final

from aiohttp import web

from schemas.ids import rest_id
from schemas.rest_keys import Holder
from stream_app.web.answers import data
from stream_app.web.authentication import PRINCIPAL, org_of
from stream_app.web.route import Route


async def get_whoami(request: web.Request) -> web.Response:
    """Answer whose key this is."""
    holder = request[PRINCIPAL]
    if holder.org_id is None:
        return data({"keyId": None, "orgId": None, "scope": "root", "sites": None})
    sites = None if holder.sites is None else [rest_id(site) for site in sorted(holder.sites)]
    return data({"keyId": holder.key_id, "orgId": rest_id(org_of(request)), "scope": holder.scope, "sites": sites})


ROUTES: Final = (
    Route(
        method="GET", path="/whoami", handler=get_whoami, scope="read", answer=Holder,
        summary="What this key is and may do: its org, scope and sites",
    ),
)  # fmt: skip
