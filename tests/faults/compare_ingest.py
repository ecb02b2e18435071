"""Compares what ingest made of the source with any key: each record is in ``rekeyed`` once, or a dead letter once.

Laws: written from contract sections 1 and 2, not from ingest; key, value and origin are compared, and the order of a
source partition within a partition of ``rekeyed``.  What is wrong with a record beside its ids is judged later, there.
"""

from collections import Counter

from tests.faults.logs import WEB, Entry, Logs
from tests.faults.reference_codec import MAX_BYTES, Record, Reject, identity, murmur2
from tests.faults.reference_values import Invalid, an_object, parse
from tests.faults.verdict import Verdict

Origin = tuple[str, int, int]
Refused = dict[Origin, tuple[Record, str]]
ORIGIN = ("leadstream-origin-topic", "leadstream-origin-partition", "leadstream-origin-offset")


def key_of(record: Record) -> bytes | Reject:
    """The key that a record has to get, or the reason why it can get none."""
    if record.value is None:
        return Reject("not_json")
    if len(record.value) > MAX_BYTES:
        return Reject("too_large")
    try:
        ids = identity(an_object(parse(record.value)[0]))
    except Invalid:
        return Reject("invalid_event")
    except ValueError:
        return Reject("not_json")
    return f"{ids['orgId']}:{ids['contactId']}".encode()


def compare_ingest(logs: Logs, verdict: Verdict) -> Refused:
    """Compare ``rekeyed`` with the source and return what must be among the dead letters."""
    refused: Refused = {}
    topic = logs.topic(WEB)
    found = rekeyed(logs, verdict)
    for partition in range(logs.web):
        for entry in logs.of(topic, partition):
            verdict.totals[WEB] += 1
            origin = (topic, partition, entry.offset)
            record = Record(WEB, *origin, entry.timestamp, entry.key, entry.value, entry.headers)
            key = key_of(record)
            copies = found.pop(origin, [])
            if isinstance(key, Reject):
                refused[origin] = (record, key.reason)
            elif not copies:
                verdict.add("lost", "ingest", origin, "is not in rekeyed")
            for where, copy in copies:
                check_copy(record, key, where, copy, logs.partitions, verdict)
            if len(copies) > 1:
                verdict.add("double", "ingest", origin, f"is {len(copies)} times in rekeyed")
    for unknown in found:
        verdict.add("wrong", "ingest", unknown, "is in rekeyed, but not in the source")
    return refused


def rekeyed(logs: Logs, verdict: Verdict) -> dict[Origin, list[tuple[int, Entry]]]:
    """(partition, entry) of the records of ``rekeyed`` by their origin, as far as they are of the source."""
    found: dict[Origin, list[tuple[int, Entry]]] = {}
    newest: Counter[tuple[int, int]] = Counter()
    for partition in range(logs.partitions if logs.web else 0):
        for entry in logs.of(logs.topic("rekeyed"), partition):
            said = [dict(entry.headers).get(name) or b"" for name in ORIGIN]
            if not (said[1].isdigit() and said[2].isdigit()):
                verdict.add("wrong", "ingest", f"rekeyed-{partition}-{entry.offset}", "does not say its origin")
                continue
            origin = (said[0].decode(), int(said[1]), int(said[2]))
            found.setdefault(origin, []).append((partition, entry))
            if origin[2] + 1 <= newest[partition, origin[1]] and len(found[origin]) == 1:
                verdict.add("wrong", "ingest", origin, "comes after a later record of its source partition")
            newest[partition, origin[1]] = max(newest[partition, origin[1]], origin[2] + 1)
    return found


def check_copy(record: Record, key: bytes | Reject, where: int, copy: Entry, partitions: int, verdict: Verdict) -> None:
    place = (record.topic, record.partition, record.offset)
    if isinstance(key, Reject):
        verdict.add("wrong", "ingest", place, f"is in rekeyed, but must be refused: {key.reason}")
    elif (copy.key, copy.value) != (key, record.value):
        verdict.add("wrong", "ingest", place, f"key {copy.key!r} instead of {key!r}, or another value")
    elif murmur2(key) % partitions != where:
        verdict.add("wrong", "ingest", place, f"is in partition {where} of rekeyed")
    elif not set(record.headers) <= set(copy.headers):
        verdict.add("wrong", "ingest", place, "headers are not as received")
