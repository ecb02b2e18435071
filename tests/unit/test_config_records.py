"""All records of `config` in little room."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from stream_app.authoring.config_records import PACK, ConfigRecords
from stream_app.authoring.config_topic import config_record
from stream_app.scoring.rulebook import ConfigRecord


def record(offset: int) -> ConfigRecord:
    value = None if offset % 7 == 0 else json.dumps({"id": offset, "name": f"Rule {offset}", "points": 5}).encode()
    return ConfigRecord(b"rule:1:%d" % offset, value, offset, 1_700_000_000_000 + offset, (("by", b"%d" % offset),))


@pytest.mark.parametrize("count", [0, 1, PACK, 2 * PACK - 1, 2 * PACK, 5 * PACK + 3])
@pytest.mark.parametrize("batch", [1, 100, 1000])
def test_what_is_read_back_is_what_was_added(count: int, batch: int) -> None:
    added = [record(3 * number + 1) for number in range(count)]  # markers lie between
    records = ConfigRecords()
    for start in range(0, count, batch):
        records.add(added[start : start + batch])
    assert list(records) == added
    assert [type(one) for one in records] == [ConfigRecord] * count
    for offset in (0, 1, 2, 3 * PACK, 3 * PACK + 1, 3 * PACK + 2, 3 * count):
        assert list(records.before(offset)) == [one for one in added if one.offset < offset]
        assert records.find(offset) == next((one for one in added if one.offset == offset), None)


def test_all_but_the_newest_are_packed() -> None:
    records = ConfigRecords()
    records.add(record(number) for number in range(10 * PACK))
    whole = sum(len(one.key) + len(one.value or b"") for one in records)
    assert len(records._newest) == PACK  # pyright: ignore[reportPrivateUsage]
    assert sum(map(len, records._packed)) < whole / 3  # pyright: ignore[reportPrivateUsage]


@dataclass
class Consumed:
    """A record as aiokafka's consumer gives it."""

    offset: int
    timestamp: int = 5
    key: bytes | None = b"rule:1:1"
    value: bytes | None = b"{}"
    headers: Sequence[tuple[str, bytes | None]] = (("traceparent", None), ("by", b"me"), ("", b""))


def test_a_record_with_a_header_without_value_is_read_back() -> None:
    """Kafka allows them and tracing agents write them: one such record stopped every partition that looked back."""
    records = ConfigRecords()
    records.add(config_record(Consumed(offset)) for offset in range(3 * PACK))
    kept = ConfigRecord(b"rule:1:1", b"{}", 3, 5, (("by", b"me"), ("", b"")))
    assert records.find(3) == kept == list(records.before(4))[-1]
    assert len(list(records)) == 3 * PACK
