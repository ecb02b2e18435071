"""The codec and that of the reference, record by record: the same reason, and the same input of odd ones."""

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from schemas.events import Rejected
from stream_app.processing.codec import Codec
from tests.contract.bad_input import BAD, MAX_BYTES, REFUSED, ROLES, Bad, place
from tests.contract.odd_input import ODD, Odd
from tests.faults.reference import Reference
from tests.faults.reference_codec import Record, Reject, decode
from tests.scoring_kit import COMMANDS, CONTACTS, DEAD, ENGAGEMENT, T0, Engine, FakeRecord

PARTITIONS = 3
CODEC = Codec(PARTITIONS, MAX_BYTES, None)
READ = {"engagement": CODEC.event, "contacts": CODEC.attributes, "commands": CODEC.command}
REASONS = {
    "too_large", "not_json", "invalid_event", "missing_key", "key_mismatch", "wrong_partition", "unknown_command",
    "invalid_command",
}  # fmt: skip
NAMES = {"occurred_at": "at", "updated_at": "at"}


class Known:
    """The contact of most records, as one that is known already."""

    org_id = "1"
    contact_id = "42"


def by_codec(record: Bad | Odd, known: Known | None = None) -> Any:
    return READ[record.role](
        FakeRecord(7, record.value, record.key, T0, record.headers), place(record, PARTITIONS), known
    )


def by_reference(record: Bad | Odd) -> Any:
    where, headers = place(record, PARTITIONS), tuple(record.headers)
    return decode(Record(record.role, record.role, where, 7, T0, record.key, record.value, headers), PARTITIONS)


def named(given: Any) -> dict[str, Any]:
    """A decoded input with the field names of the contract."""
    fields = {NAMES.get(name, name): value for name, value in msgspec.structs.asdict(given).items()}
    fields |= {"points": fields.get("amount"), "score": fields.get("amount")}
    return {name[0] + name.title().replace("_", "")[1:]: value for name, value in fields.items()}


def test_the_corpus_is_what_it_says() -> None:
    names = Counter(record.name for record in [*BAD, *REFUSED, *ODD])
    assert [name for name, count in names.items() if count > 1] == []
    assert len(BAD) >= 200
    assert {record.reason for record in BAD} == REASONS
    assert {record.role for record in BAD} == {record.role for record in ODD} == set(ROLES)
    assert len({record.key for record in ODD}) == len(ODD)


@pytest.mark.parametrize("record", BAD, ids=lambda record: record.name)
def test_bad_input_is_rejected_with_its_reason(record: Bad) -> None:
    mine, theirs = by_codec(record), by_reference(record)
    assert isinstance(mine, Rejected), mine
    assert (mine.reason, theirs) == (record.reason, Reject(record.reason))
    if record.key == b"1:42" and not record.misplaced:
        assert by_codec(record, Known()) == mine
    assert mine.message.encode()


@pytest.mark.parametrize("record", ODD, ids=lambda record: record.name)
def test_odd_input_is_taken_as_it_was_meant(record: Odd) -> None:
    mine, theirs = by_codec(record), by_reference(record)
    assert not isinstance(mine, Rejected), mine
    assert not isinstance(theirs, Reject), theirs
    wanted = json.dumps(record.becomes, sort_keys=True)
    for fields in (named(mine), theirs):
        assert json.dumps({name: fields[name] for name in record.becomes}, sort_keys=True) == wanted


@pytest.mark.parametrize("record", REFUSED, ids=lambda record: record.name)
def test_what_only_the_fold_can_refuse(record: Bad) -> None:
    engine, reference = Engine(partitions=PARTITIONS), Reference([], PARTITIONS)
    topic = {"engagement": ENGAGEMENT, "contacts": CONTACTS, "commands": COMMANDS}[record.role]
    effects = engine.run(topic, FakeRecord(7, record.value, record.key), partition=place(record, PARTITIONS))
    assert dict(effects.outputs[DEAD][0][2])["leadstream-reason"] == record.reason.encode()
    reference.apply(Record(record.role, topic, place(record, PARTITIONS), 7, T0, record.key, record.value), 0)
    assert [reason for _, reason in reference.dead.values()] == [record.reason]
