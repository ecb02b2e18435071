"""Whether the counter counted exactly once: its inputs against its outputs, journals and partition records."""

import collections

from tests.connected.counter_fleet import journals, partition_records, read_all, settled, written


async def exact(bootstrap: str, name: str, partitions: int) -> None:
    """Every good record is counted once, in order per key; journals have no gap; accounts add up."""
    await settled(bootstrap, written(name), partitions)
    inputs = [r for t in ("fast", "events") for r in await read_all(bootstrap, f"{name}.{t}", partitions)]
    good = [r for r in inputs if r.value != b"bad"]
    outputs = await read_all(bootstrap, f"{name}.counted", partitions)
    ids = collections.Counter(dict(r.headers)["id"] for r in outputs if r.value not in (b"tick", b"swept"))
    assert ids == collections.Counter(f"{r.topic}-{r.partition}-{r.offset}".encode() for r in good)
    per_key: dict[bytes, int] = collections.defaultdict(int)
    for row in outputs:
        if row.value not in (b"tick", b"swept"):
            per_key[row.key] += 1
            assert int(row.value) == per_key[row.key]
    ticks = collections.Counter(dict(r.headers)["id"] for r in outputs if r.value == b"tick")
    asked = collections.Counter(
        b"tick-d%020d" % (r.timestamp + 100) + r.key for r in good if r.value.startswith(b"due:")
    )
    assert set(ticks) == set(asked)
    assert all(times == 1 for times in ticks.values())
    for entries in (await journals(bootstrap, name, partitions)).values():
        assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
        reached: dict[str, int] = {}
        for entry in entries:
            for part in entry.inputs:
                assert part.from_ == reached.get(part.topic, part.from_)
                reached[part.topic] = part.to
    for record in (await partition_records(bootstrap, name, partitions)).values():
        for topic, counter in record.counters.items():
            counted = counter.applied + counter.duplicate + counter.no_effect + counter.dead_letter + counter.gaps
            assert record.sources[topic] - counter.start == counted
