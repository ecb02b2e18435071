"""Refuses a second worker with the same advertised URL: a request forwarded there would reach either of the two.

Laws: it looks once, when the group is stable for the first time with this worker in it.  By then a predecessor that was
killed has left, so a restart with the same URL is never refused; of two members that share one, the later looks later
and goes, two that start at the same moment both may.
Reads the group's description: Faust's assignor puts each member's URL into its subscription.
"""

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError
from mode import Service
from yarl import URL

from stream_app.settings import Settings, kafka_client_arguments

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.5


class OwnUrl(Service):
    """Calls ``refuse`` with a sentence when another member of the group advertises this worker's URL."""

    refuse: Callable[[str], None]

    def __init__(self, app: Any, settings: Settings) -> None:
        super().__init__()
        self._app, self._settings = app, settings

    @Service.task
    async def _look(self) -> None:
        while not self.should_stop:
            await self.sleep(LOOK_SECONDS)
            if not self._app.partitions.counters.rebalances or self._app.rebalancing:
                continue
            try:
                urls = await self._urls()
            except (KafkaError, OSError) as error:
                log.warning("the group's members cannot be read yet: %s", error)
                continue
            if urls is not None:
                self._judge(urls)
                return

    def _judge(self, urls: list[str]) -> None:
        url = _plain(self._settings.advertised_url)
        if urls.count(url) > 1:
            self.refuse(
                f"another worker of {self._settings.app_id} advertises {url} too: give each its own LEADSTREAM_WEB_PORT"
                " or LEADSTREAM_ADVERTISED_URL"
            )

    async def _urls(self) -> list[str] | None:
        """Return every member's URL; None while the group is not stable."""
        admin = AIOKafkaAdminClient(**kafka_client_arguments(self._settings))
        try:
            await admin.start()
            responses: list[Any] = await admin.describe_consumer_groups([self._settings.app_id])
        finally:
            await admin.close()
        _error, _group, state, _type, _protocol, members, *_ = responses[0].groups[0]
        return [_url_of(member[3]) for member in members] if state == "Stable" else None


def _url_of(subscription: bytes) -> str:
    return _plain(json.loads(ConsumerProtocolMemberMetadata.decode(subscription).user_data)["url"])


def _plain(url: str) -> str:
    """Return one spelling of a URL, for Faust rewrites what it was given."""
    return str(URL(url)).rstrip("/")
