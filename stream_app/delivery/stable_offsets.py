"""Committed offsets of a group as they are, not as they were a moment ago (KIP-447: require_stable).

aiokafka asks for offsets in a way that shows the one before while a transaction is not decided; its request is spelled
out here in the version that has the brokers say so.  One of the places of aiokafka's private names (PRIVATE_NAMES).
"""
# pyright: basic

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

PRIVATE_NAMES: tuple[tuple[Any, str], ...] = ((GroupCoordinator, "ensure_coordinator_known _send_req"),)
OFFSET_FETCH: Final = 9
VERSION: Final = 7  # brokers since Kafka 2.5
UNSTABLE: Final = 88  # UNSTABLE_OFFSET_COMMIT: a transaction with an offset of this partition is not decided
AGAIN_SECONDS: Final = 0.05

Committed = dict[TopicPartition, tuple[int, str]]

_text, _tags = CompactString("utf-8"), ("tags", TaggedFields)


class _Answer(Response):
    API_KEY = OFFSET_FETCH  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] so are all classes of the library
    API_VERSION = VERSION  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType] same
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("topics", CompactArray(
            ("topic", _text),
            ("partitions", CompactArray(
                ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _text),
                ("error_code", Int16), _tags,
            )),
            _tags,
        )),
        ("error_code", Int16),
        _tags,
    )  # fmt: skip


class _Question(RequestStruct):
    API_KEY = OFFSET_FETCH
    API_VERSION = VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("group", _text),
        ("topics", CompactArray(("topic", _text), ("partitions", CompactArray(Int32)), _tags)),
        ("require_stable", Boolean),
        _tags,
    )


class _StableOffsets(Request[_Question]):
    API_KEY = OFFSET_FETCH

    def __init__(self, group: str, places: Mapping[str, Iterable[int]]) -> None:
        self._fields = group, [(topic, list(partitions), {}) for topic, partitions in places.items()], True, {}

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(*self._fields)


async def stable_offsets(consumer: Any, group: str, places: Mapping[str, Iterable[int]]) -> Committed:
    """Return (offset, metadata) of the partitions of topics that have one; waits while one is not decided."""
    coordinator, request = consumer._coordinator, _StableOffsets(group, places)
    # INVARIANT: an_undecided_offset_is_waited_for
    while True:
        await coordinator.ensure_coordinator_known()
        answer = await coordinator._send_req(request)
        rows = [(topic, *row) for topic, rows, _ in answer.topics for row in rows]
        errors = {answer.error_code, *(error for *_, error, _ in rows)} - {0}
        if not errors:
            return {
                TopicPartition(topic, p): (offset, said or "") for topic, p, offset, _, said, *_ in rows if offset >= 0
            }
        if errors != {UNSTABLE}:
            raise for_code((errors - {UNSTABLE}).pop())(f"the offsets of group {group} cannot be read")
        await asyncio.sleep(AGAIN_SECONDS)
