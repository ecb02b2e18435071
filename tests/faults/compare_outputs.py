"""Compares outputs, the ledger and dead letters with what the reference expects.

Laws: exact: same records, same order per contact, same text; every difference is one finding.  A tombstone is named by
its contact and its number; so is an id that comes again, as a due time's does for a contact erased and told of again.
The ledger check (S2) needs no reference: awards must sum to the stored total.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from tests.faults.compare_state import last_changelog
from tests.faults.logs import OUTPUTS, Logs
from tests.faults.reference import Reference
from tests.faults.reference_codec import MAX_BYTES, Record, murmur2
from tests.faults.stored_contact import stored_core
from tests.faults.verdict import Verdict

Named = list[tuple[str, str]]
KEPT_OF_TOO_LARGE = 65_536
AGAIN = " #"
CAUSES = {"clock": "{} by the clock", "config": "{} by a publish"}
OF_OUTPUT = {"score-changed": "changes", "threshold-crossed": "crossings"}


def named(bodies: Iterable[Any]) -> Named:
    """(id, text) of each output of one contact, in order; what comes again is numbered, tombstones too."""
    result: Named = []
    times: Counter[str] = Counter()
    for body in bodies:
        output_id = "tombstone" if body is None else str(body.get("id"))
        times[output_id] += 1
        number = f"{AGAIN}{times[output_id]}" if times[output_id] > 1 else ""
        result.append((output_id + number, json.dumps(body)))
    return result


def actual_outputs(logs: Logs, name: str, verdict: Verdict) -> dict[bytes, list[Any]]:
    found: dict[bytes, list[Any]] = defaultdict(list)
    for partition in range(logs.partitions):
        for entry in logs.of(logs.topic(name), partition):
            verdict.totals[name] += 1
            where = f"{name}-{partition}-{entry.offset}"
            if entry.key is None or murmur2(entry.key) % logs.partitions != partition:
                verdict.add("wrong", "output", where, f"key {entry.key!r} in this partition")
            body = None if entry.value is None else json.loads(entry.value)
            if body is not None and f"{body.get('orgId')}:{body.get('contactId')}".encode() != entry.key:
                verdict.add("wrong", "output", where, f"key {entry.key!r} is not its contact's")
            found[entry.key or b""].append(body)
    return found


def compare_outputs(logs: Logs, reference: Reference, verdict: Verdict) -> None:
    for name in OUTPUTS:
        actual = actual_outputs(logs, name, verdict)
        if name == "score-changed":
            check_versions(actual, verdict)
        expected: dict[bytes, list[Any]] = defaultdict(list)
        for key, body in reference.outputs[name]:
            expected[key].append(body)
            if (told_by := CAUSES.get(body["cause"]["kind"]) if body else None) is not None:
                verdict.totals[told_by.format(OF_OUTPUT[name])] += 1
                if is_of_decay(body):
                    verdict.totals[f"{OF_OUTPUT[name]} by decay"] += 1
        for key in sorted(expected.keys() | actual.keys()):
            compare_contact(f"{name} {key!r}", named(expected[key]), named(actual[key]), verdict)


def is_of_decay(body: Any) -> bool:
    """Whether time itself moved the score: ids of silences name their rule there."""
    return re.match(r"clock-\d+-decay-", body["id"]) is not None


def compare_contact(where: str, expected: Named, actual: Named, verdict: Verdict) -> None:
    wanted, texts = dict(expected), dict(actual)
    for output_id in texts.keys() - wanted.keys():
        kind = "double" if output_id.partition(AGAIN)[0] in wanted else "wrong"
        verdict.add(kind, "output", where, f"unexpected {output_id}")
    for output_id, text in expected:
        if output_id not in texts:
            verdict.add("lost", "output", where, output_id)
        elif texts[output_id] != text:
            verdict.add("wrong", "output", where, f"{texts[output_id]} instead of {text}")
    common = list(dict.fromkeys(output_id for output_id, _ in actual if output_id in wanted))
    if common != [output_id for output_id, _ in expected if output_id in texts]:
        verdict.add("wrong", "order", where, "records are in another order")


def check_versions(actual: dict[bytes, list[Any]], verdict: Verdict) -> None:
    """Versions of a contact and profile go 1, 2, 3 ... and start again after a tombstone."""
    for key, bodies in actual.items():
        versions: Counter[str] = Counter()
        for body in bodies:
            if body is None:
                versions.clear()
                continue
            profile, version = body["profileId"], body["version"]
            if version != versions[profile] + 1:
                kind = "double" if version <= versions[profile] else "lost"
                verdict.add(kind, "version", f"{key!r}/{profile}", f"{version} after {versions[profile]}")
            versions[profile] = version


def compare_ledger(logs: Logs, verdict: Verdict) -> None:
    """S2: the awards published since the contact's birth sum to the stored total."""
    sums: dict[tuple[bytes, str], int] = defaultdict(int)
    for partition in range(logs.partitions):
        for entry in logs.of(logs.topic("score-changed"), partition):
            key = entry.key or b""
            if entry.value is None:
                for gone in [pair for pair in sums if pair[0] == key]:
                    del sums[gone]
                continue
            body = json.loads(entry.value)
            sums[key, body["profileId"]] += sum(award["points"] for award in body["awards"])
    for partition in range(logs.partitions):
        for key, value in last_changelog(logs, partition).items():
            for profile, total in stored_totals(key, value):
                contact = key.rpartition(b"\x00")[0]
                if sums.pop((contact, profile), 0) != total:
                    verdict.add("wrong", "ledger", f"{contact!r}/{profile}", f"awards do not sum to {total}")
    for (contact, profile), total in sums.items():
        verdict.add("lost", "ledger", f"{contact!r}/{profile}", f"awards of {total} without a stored score")


def stored_totals(key: bytes, value: bytes) -> list[tuple[str, int]]:
    core = stored_core(value) if key.endswith(b"\x00c") else None
    return [] if core is None else [(profile, state.total) for profile, state in core.profiles.items()]


def compare_dead_letters(logs: Logs, dead: dict[tuple[str, int, int], tuple[Record, str]], verdict: Verdict) -> None:
    """Compare with the records and reasons that must be there, by the places that they came from."""
    seen: Counter[tuple[str, int, int]] = Counter()
    for partition in range(logs.partitions):
        for entry in logs.of(logs.topic("dead-letters"), partition):
            verdict.totals["dead letters"] += 1
            headers = dict(entry.headers)
            place = origin(headers)
            seen[place] += 1
            if seen[place] > 1:
                verdict.add("double", "dead letter", place, f"{seen[place]} times")
            elif place not in dead:
                verdict.add("wrong", "dead letter", place, "the record is good, or does not exist")
            else:
                record, reason = dead[place]
                said = (headers.get("leadstream-reason") or b"").decode()
                if said != reason:
                    verdict.add("wrong", "dead letter", place, f"reason {said!r} instead of {reason!r}")
                if (entry.key, entry.value) != (record.key, kept_value(record)):
                    verdict.add("wrong", "dead letter", place, "key or value is not as received")
                if not set(record.headers) <= set(entry.headers):
                    verdict.add("wrong", "dead letter", place, "headers are not as received")
    for place in sorted(dead.keys() - seen.keys()):
        verdict.add("lost", "dead letter", place, f"reason {dead[place][1]}")


def origin(headers: dict[str, bytes | None]) -> tuple[str, int, int]:
    topic, partition, offset = (headers.get(f"__streams.errors.{name}") for name in ("topic", "partition", "offset"))
    return (topic or b"?").decode(), int(partition or -1), int(offset or -1)


def kept_value(record: Record) -> bytes | None:
    too_large = record.value is not None and len(record.value) > MAX_BYTES
    return record.value[:KEPT_OF_TOO_LARGE] if record.value and too_large else record.value
