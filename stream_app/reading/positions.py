"""Positions in the output topics, and their text form: the event id of the live stream.

Laws: a position is the next offset to read; ``parse`` takes exactly what ``text`` writes for the same partitions.
The text is one list of offsets per topic, topics in name order and partitions in number order: ``17.0.4~3.0.0``.
"""

import re
from collections.abc import Mapping

TopicPartition = tuple[str, int]
Positions = Mapping[TopicPartition, int]

_SHAPE = re.compile(r"[0-9]{1,19}(?:[.~][0-9]{1,19})*")


def text(positions: Positions) -> str:
    """Write positions as an event id."""
    lists: dict[str, list[str]] = {}
    for topic, partition in sorted(positions):
        lists.setdefault(topic, []).append(str(positions[topic, partition]))
    return "~".join(".".join(offsets) for offsets in lists.values())


def parse(event_id: str, topics: Mapping[str, int]) -> dict[TopicPartition, int] | None:
    """Read an event id given the partition count of each topic; None when it is not one of theirs."""
    if not _SHAPE.fullmatch(event_id):
        return None
    lists = [[int(offset) for offset in part.split(".")] for part in event_id.split("~")]
    names = sorted(topics)
    if [len(offsets) for offsets in lists] != [topics[name] for name in names]:
        return None
    return {(name, p): offset for name, offsets in zip(names, lists, strict=True) for p, offset in enumerate(offsets)}


def reached(positions: Positions, goal: Positions) -> bool:
    """Tell whether every position is at or beyond the goal's."""
    return all(positions.get(where, 0) >= offset for where, offset in goal.items())
