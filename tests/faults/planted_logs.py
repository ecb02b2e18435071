"""What bugs planted in logs have in common: where, and an entry with something else in it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.faults.logs import Entry, Logs

SCORES, DEAD, JOURNAL = "leadstream.score-changed", "leadstream.dead-letters", "leadstream.journal"
REKEYED = "leadstream.rekeyed"
Found = tuple[list[Entry], int]


def changed(entry: Entry, **fields: Any) -> Entry:
    """The entry with other fields in its JSON value."""
    return replace(entry, value=json.dumps(json.loads(entry.value or b"") | fields, separators=(",", ":")).encode())


def middle(logs: Logs, topic: str, wanted: Callable[[Entry], bool] = lambda e: e.value is not None) -> Found:
    """A log of partition 0 and the index of an entry near its middle."""
    log = logs.of(topic, 0)
    return log, next(i for i in range(len(log) // 2, len(log)) if wanted(log[i]))
