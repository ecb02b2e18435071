"""Records that leadstream writes itself weigh what they say, in any script."""

import pytest

from schemas.events import Rejected
from stream_app.processing.outgoing import Outgoing
from tests.unit.desk_fakes import outgoing

NOW = 1_767_225_600_000
BIG = "\u4f60" * 80_000  # 240,000 bytes as UTF-8, 480,000 as escapes; a record may have 262,144


@pytest.fixture
def records() -> Outgoing:
    return outgoing(4)


def test_a_text_of_any_script_may_be_as_long_as_on_the_topic(records: Outgoing) -> None:
    event = records.event({"orgId": "1", "contactId": "42", "type": "x", "properties": {"t": BIG}}, NOW)
    assert not isinstance(event, Rejected)
    assert len(event[0].value or b"") < 241_000
    given = records.attributes({"orgId": "1", "contactId": "42", "email": None, "attributes": {"t": BIG}}, NOW)
    assert not isinstance(given, Rejected)


@pytest.mark.parametrize("half", ["\ud83d", "\ude00", "\ude00\ud83d"])
def test_half_a_surrogate_pair_is_refused(records: Outgoing, half: str) -> None:
    fields = {"orgId": "1", "contactId": "42", "type": "x", "properties": {half: half}}
    refused = records.event(fields, NOW)
    assert isinstance(refused, Rejected)
    assert refused.reason == "invalid_event"
    tag = {"orgId": "1", "contactId": "42", "commandId": "c", "type": "tag", "tag": half}
    assert isinstance(records.command(tag, NOW), Rejected)
    assert isinstance(records.attributes({"orgId": "1", "contactId": "42", "attributes": {half: 1}}, NOW), Rejected)
