"""The index of due times beside a store: in order, outdated entries dropped, the same in memory and on disk."""

import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import Checkpoint, MemoryStore, Store

Make = Callable[[Path], Store]


def due_of(key: bytes, value: bytes) -> int | None:
    return int(value) if value.isdigit() else None


def memory(folder: Path) -> Store:
    return MemoryStore(due_of)


def rocks(folder: Path) -> Store:
    return RocksStore(folder / "store", due_of)


both = pytest.mark.parametrize("make", [memory, rocks])


def put(store: Store, offset: int = 1, **values: bytes | None) -> None:
    changes = {key.encode(): value for key, value in values.items()}
    dues = {k: due for k, v in changes.items() if v is not None and (due := due_of(k, v)) is not None}
    store.apply(changes, Checkpoint(offset, 0), dues)


@both
def test_due_times_come_in_order_of_time_then_key(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    put(store, b=b"300", a=b"300", c=b"20", d=b"none", e=b"1000")
    assert list(store.dues()) == [(20, b"c"), (300, b"a"), (300, b"b"), (1000, b"e")]
    store.close()


@both
def test_what_moved_or_went_is_no_longer_due(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    put(store, a=b"10", b=b"20", c=b"30")
    put(store, 2, a=b"40", b=None, c=b"none")
    assert list(store.dues()) == [(40, b"a")]
    put(store, 3, a=b"5", d=b"1")
    assert list(store.dues()) == [(1, b"d"), (5, b"a")]
    put(store, 4, a=None, d=None)
    assert list(store.dues()) == []
    store.close()


@both
def test_loaded_records_are_indexed_and_wiped_ones_are_not(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path)
    store.load([(b"a", b"10"), (b"b", b"20"), (b"a", b"30"), (b"x", b"none")], Checkpoint(4, 0))
    for _ in store.index(1):
        pass
    assert list(store.dues()) == [(20, b"b"), (30, b"a")]
    store.wipe()
    assert list(store.dues()) == []
    put(store, z=b"7")
    assert list(store.dues()) == [(7, b"z")]
    store.close()


def test_a_store_on_disk_keeps_its_due_times_over_a_restart_and_hides_them(tmp_path: Path) -> None:
    store = rocks(tmp_path)
    put(store, a=b"10", b=b"20")
    put(store, 2, a=b"30")
    store.close()
    store = rocks(tmp_path)
    assert list(store.index(100)) == []
    assert list(store.dues()) == [(20, b"b"), (30, b"a")]
    assert list(store.scan(b"")) == [(b"a", b"30"), (b"b", b"20")]
    assert store.checkpoint() == Checkpoint(2, 0)
    store.close()


@both
def test_the_index_equals_a_search_of_all_records(make: Make, tmp_path: Path) -> None:
    store, dice, now = make(tmp_path), random.Random(7), dict[str, bytes | None]()  # noqa: S311 - a draw, not a secret
    for offset in range(300):
        changes = {f"k{dice.randrange(40)}": dice.choice([None, b"none", b"%d" % dice.randrange(100)]) for _ in "123"}
        put(store, offset, **changes)
        now.update(changes)
        wanted = sorted((int(v), k.encode()) for k, v in now.items() if v is not None and v.isdigit())
        assert sorted(set(store.dues())) == wanted
        assert [due for due, _ in store.dues()] == sorted(due for due, _ in store.dues())
    store.close()


@pytest.mark.parametrize("what", ["walk", "scan", "dues"])
def test_what_the_disk_has_damaged_is_an_error_not_the_end(what: str, tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "store", due_of)
    values = {f"{number:06}": b"%d" % (10_000 + number) for number in range(2_000)}
    noise = {f"x{name}": b"x" + sha256(value).hexdigest().encode() for name, value in values.items()}
    put(store, 1, **values, **noise)
    store.close()
    for _ in range(2):  # the first opening writes the log into files
        store = RocksStore(tmp_path / "store", due_of)
        store.close()
    (table,) = (tmp_path / "store").glob("*.sst")
    data = bytearray(table.read_bytes())
    at = data.find(b"\x00\x00due") + 4_000 if what == "dues" else len(data) // 2
    data[at : at + 32] = b"\xde\xad\xbe\xef" * 8
    table.write_bytes(data)
    store = RocksStore(tmp_path / "store", due_of)
    read = {"walk": lambda: store.walk(100), "scan": lambda: store.scan(b""), "dues": store.dues}
    with pytest.raises(Exception, match="Corruption"):
        list(read[what]())
    store.close()
