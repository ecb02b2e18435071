"""The command line's writer of `config`: what it has written can be read when it says so."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaTimeoutError

from schemas.config_headers import Headers
from stream_app.authoring.changes import Change
from stream_app.authoring.config_log import AuthoredKey, ConfigLog
from stream_app.authoring.config_topic import ConfigSession, ConfigWriter
from stream_app.scoring.rulebook import ConfigRecord

RULE = Change("add", AuthoredKey("rule", "1", "1"), "Opened", b"{}")


class Lagging:
    """A session whose last stable offset moves some questions after the commit; an error is what a question gets."""

    def __init__(self, *ends: int | Exception) -> None:
        self.ends, self.asked = list(ends), 0

    async def commit(self, changes: Sequence[Change], sent: list[ConfigRecord], headers: Headers) -> None:
        sent += [ConfigRecord(change.key.encode(), change.value, number) for number, change in enumerate(changes)]

    async def end(self) -> int:
        self.asked += 1
        match self.ends.pop(0):
            case Exception() as error:
                raise error
            case end:
                return end


@pytest.mark.parametrize(("ends", "asked"), [((3,), 1), ((0, 0, 3), 3), ((0, KafkaTimeoutError()), 2)])
async def test_a_put_returns_when_it_can_be_read_or_cannot_be_asked_for(ends: Any, asked: int) -> None:
    session = Lagging(*ends)
    writer = ConfigWriter(cast(ConfigSession, session), ConfigLog())
    assert (await writer.write([RULE, RULE]), session.asked) == (2, asked)


async def test_what_writes_nothing_asks_nothing() -> None:
    session = Lagging()
    assert (await ConfigWriter(cast(ConfigSession, session), ConfigLog()).write([]), session.asked) == (0, 0)
