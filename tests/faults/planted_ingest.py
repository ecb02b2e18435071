"""Bugs planted in what is forwarded by key: twice, lost, to another contact, out of order."""

from collections.abc import Callable
from dataclasses import replace

from tests.faults.compare_ingest import ORIGIN, key_of
from tests.faults.logs import WEB, Entry, Logs
from tests.faults.planted_logs import DEAD, REKEYED, middle
from tests.faults.reference_codec import Record, Reject


def of_web(logs: Logs) -> tuple[list[Entry], int, Entry]:
    """A log of ``rekeyed``, the index of an entry in it, and the entry; its consequences stay as they are."""
    log, i = middle(logs, REKEYED)
    return log, i, log[i]


def forward_twice(logs: Logs) -> None:
    log, _, entry = of_web(logs)
    log.append(replace(entry, offset=len(log)))


def lose_forwarded(logs: Logs) -> None:
    log, i, _ = of_web(logs)
    del log[i]


def forward_to_other_contact(logs: Logs) -> None:
    log, i, entry = of_web(logs)
    log[i] = replace(entry, key=b"1:2" if entry.key != b"1:2" else b"1:3")


def forward_what_is_refused(logs: Logs) -> None:
    topic = logs.topic(WEB)
    partition, bad = next(
        (p, e) for p in range(logs.web) for e in logs.of(topic, p)
        if isinstance(key_of(Record(WEB, topic, p, e.offset, e.timestamp, e.key, e.value)), Reject)
    )  # fmt: skip
    said = {ORIGIN[0]: topic.encode(), ORIGIN[1]: b"%d" % partition, ORIGIN[2]: str(bad.offset).encode()}
    log = logs.of(REKEYED, 0)
    log.append(replace(bad, offset=len(log), headers=tuple(said.items())))


def forward_out_of_order(logs: Logs) -> None:
    log, i, entry = of_web(logs)
    same = dict(entry.headers)[ORIGIN[1]]
    j = next(j for j in range(i + 1, len(log)) if dict(log[j].headers)[ORIGIN[1]] == same)
    log[i], log[j] = replace(log[j], offset=log[i].offset), replace(log[i], offset=log[j].offset)


def lose_dead_letter_of_web(logs: Logs) -> None:
    web = logs.topic(WEB).encode()
    log = logs.of(DEAD, 0)
    del log[next(i for i, e in enumerate(log) if dict(e.headers)["__streams.errors.topic"] == web)]


IN_INGEST: list[tuple[Callable[[Logs], None], str]] = [
    (forward_twice, "double ingest"), (lose_forwarded, "lost ingest"),
    (forward_to_other_contact, "wrong ingest"), (forward_what_is_refused, "wrong ingest"),
    (forward_out_of_order, "wrong ingest"), (lose_dead_letter_of_web, "lost dead letter"),
]  # fmt: skip
