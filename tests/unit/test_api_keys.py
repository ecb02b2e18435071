"""API keys as values: their text, their records, the ring."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.config_headers import RequestMark
from stream_app.authoring import api_key_topic, key_administration
from stream_app.authoring.api_key_topic import STALE_SECONDS, ApiKeyFollower
from stream_app.authoring.api_keys import REMEMBERED_MS, ApiKey, KeyRing, decode_key, digest_of, make_key, new_key
from stream_app.authoring.key_administration import KeyAdministration, MadeBefore, MadeKey
from stream_app.settings import load_settings
from tests.unit.web_fakes import api_key

NOW = 1_772_375_400_000


def made(**more: Any) -> tuple[ApiKey, str]:
    return make_key(**{"org_id": "1", "scope": "read", "now": NOW, **more})


def test_new_key_has_256_random_bits() -> None:
    key = new_key("demo")
    assert key.startswith("ls_demo_")
    assert len(bytes.fromhex(key.removeprefix("ls_demo_"))) == 32
    assert key != new_key("demo")


def test_a_key_is_kept_as_its_hash_only() -> None:
    key, text = made(sites=frozenset({"2", "1"}), expires_at=NOW + 1000, name="CRM")
    secret = text.rpartition("_")[2]
    assert msgspec.json.decode(key.encode()) == {
        "hash": digest_of(text).hex(), "orgId": "1", "scope": "read", "createdAt": "2026-03-01T14:30:00.000Z",
        "sites": ["1", "2"], "expiresAt": "2026-03-01T14:30:01.000Z", "name": "CRM", "request": None,
    }  # fmt: skip
    assert secret not in key.encode().decode()
    assert decode_key(key.id, key.encode()) == key


def test_no_repr_shows_text_or_hash() -> None:
    key, text = made()
    shown = repr((key, MadeKey(key, text, True)))
    assert text not in shown and text.rpartition("_")[2] not in shown
    assert repr(key.digest) not in shown and key.digest.hex() not in shown


def test_a_key_opens_until_it_expires() -> None:
    key, text = made(expires_at=NOW + 1000)
    ring = KeyRing([key])
    assert ring.holder(text, NOW + 999) is key
    assert ring.holder(text, NOW + 1000) is None


def test_only_the_whole_text_opens() -> None:
    key, text = made()
    other, other_text = made()
    ring = KeyRing([key, other])
    secret = text.rpartition("_")[2]
    assert ring.holder(text, NOW) is key and ring.holder(other_text, NOW) is other
    for wrong in (
        "",
        "ls",
        "ls_",
        "ls__",
        secret,
        text[:-1],
        text + "0",
        text.upper(),
        f"ls_{other.id}_{secret}",
        "\udcff",
    ):
        assert ring.holder(wrong, NOW) is None


def test_garbage_takes_no_memory() -> None:
    ring = KeyRing([made()[0]])
    for number in range(1000):
        ring.holder(f"ls_{number}_{number}", NOW)
    assert len(ring) == 1


def test_a_tombstone_revokes() -> None:
    key, text = made()
    ring = KeyRing()
    assert ring.fold(key.id.encode(), key.encode()) is None
    assert ring.holder(text, NOW) == key
    assert ring.fold(key.id.encode(), None) is None
    assert ring.holder(text, NOW) is None and len(ring) == 0


RECORD: dict[str, Any] = {"hash": "00" * 32, "orgId": "1", "scope": "read", "createdAt": "2026-03-01T14:30:00Z"}


@pytest.mark.parametrize(
    "value",
    [
        b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000,
        *(msgspec.json.encode({**RECORD, **wrong}) for wrong in (
            {"hash": "00"}, {"hash": "zz" * 32}, {"orgId": "a:b"}, {"scope": "root"}, {"createdAt": "today"},
            {"expiresAt": "never"}, {"expiresAt": 5}, {"sites": "1"}, {"sites": [1]},
        )),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_takes_its_key_out_of_force(value: bytes) -> None:
    key, text = made()
    ring = KeyRing([key])
    assert decode_key("k", msgspec.json.encode(RECORD)).org_id == "1"
    why = ring.fold(key.id.encode(), value)
    assert why is not None and "00" * 32 not in why
    assert ring.holder(text, NOW) is None


def test_a_record_under_a_name_that_is_no_id_is_ignored() -> None:
    ring = KeyRing()
    for name in (b"", b"a_b", b"\xff", b"x" * 65):
        assert ring.fold(name, made()[0].encode()) == "not a key id"
    assert len(ring) == 0


def test_an_org_s_keys_come_oldest_first() -> None:
    keys = [api_key("ls_b_x", "1", "read", created_at=2), api_key("ls_a_x", "1", "read", created_at=1)]
    ring = KeyRing([*keys, api_key("ls_c_x", "2", "read")])
    assert [key.id for key in ring.of_org("1")] == ["a", "b"]
    assert ring.get("c") is not None and ring.get("d") is None


class ReadToTheEnd:
    """A Reading of a topic whose end the test sets."""

    def __init__(self, ends: list[int]) -> None:
        self.ring, self.at, self.ends = KeyRing(), 0, ends

    async def open(self) -> int:
        return self.ends[0]

    async def end(self) -> int:
        return self.ends[0]

    async def position(self) -> int:
        return self.at

    async def take(self) -> bool:
        raise TimeoutError("no broker")


async def test_keys_are_unknown_before_the_topic_is_read_and_after_a_minute_without_kafka(tmp_path: Any) -> None:
    clock = [time.monotonic()]
    settings = load_settings({"bootstrap_servers": "127.0.0.1:1"}, {}, tmp_path)
    follower = ApiKeyFollower(settings, now=lambda: clock[0])
    assert follower.ring() is None
    unread: Any = ReadToTheEnd([1])
    with pytest.raises(TimeoutError):
        await follower._follow(unread)
    assert follower.ring() is None
    read: Any = ReadToTheEnd([0])
    with pytest.raises(TimeoutError):
        await follower._follow(read)
    assert follower.ring() is read.ring
    clock[0] += STALE_SECONDS - 1
    assert follower.ring() is read.ring
    clock[0] += 1
    assert follower.ring() is None


class Failing(ReadToTheEnd):
    """A Reading that fails at its next poll, while there is something to fail with."""

    def __init__(self, failures: list[BaseException]) -> None:
        super().__init__([0])
        self.failures = failures

    async def take(self) -> bool:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        await asyncio.sleep(60)
        return False

    async def close(self) -> None: ...


@pytest.mark.parametrize(
    "failure", [OSError("away"), asyncio.CancelledError(), RuntimeError("a bug"), KeyError("in the fold")], ids=repr
)
async def test_no_error_but_a_stop_ends_the_following_of_api_keys(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A CancelledError of aiokafka's own ended it, and after a minute every API key was a 503 until a restart."""
    failures, opened = [failure], list[Failing]()
    monkeypatch.setattr(api_key_topic, "Reading", lambda _: opened.append(Failing(failures)) or opened[-1])
    monkeypatch.setattr(api_key_topic, "AGAIN_SECONDS", 0.01)
    follower = ApiKeyFollower(load_settings({}, {}, tmp_path))
    await follower.start()
    async with asyncio.timeout(10):
        while len(opened) < 2 or follower.ring() is not opened[1].ring:
            await asyncio.sleep(0.01)
    assert follower.trouble is None
    assert [repr(failure) in record.message for record in caplog.records] == [True]
    assert bool(caplog.records[0].exc_info) == isinstance(failure, RuntimeError | KeyError)
    await follower.stop()


class MemoryTopic:
    """The topic ``api-keys`` in memory; the first readers wait for each other, so that none sees another's key."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, together: int = 1) -> None:
        self.records: list[tuple[str, bytes | None]] = []
        self.met = asyncio.Barrier(together)
        self.reads = 0
        monkeypatch.setattr(key_administration, "read_keys", self.read)
        monkeypatch.setattr(key_administration, "write_key", self.write)

    async def read(self, _: Any) -> KeyRing:
        ring = self.ring()
        self.reads += 1
        if self.reads <= self.met.parties:
            await self.met.wait()
        return ring

    async def write(self, _: Any, key_id: str, key: ApiKey | None) -> int:
        await asyncio.sleep(0)
        self.records.append((key_id, None if key is None else key.encode()))
        return len(self.records) - 1

    def ring(self) -> KeyRing:
        ring = KeyRing()
        for key_id, value in self.records:
            assert ring.fold(key_id.encode(), value) is None
        return ring


@pytest.mark.parametrize("together", [1, 2, 5])
async def test_of_requests_with_one_idempotency_key_one_makes_a_key(
    together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, mark = MemoryTopic(monkeypatch, together=together), RequestMark.of("once", {"scope": "read"})
    desk = KeyAdministration(load_settings({}, {}, tmp_path))
    answers = await asyncio.gather(*(desk.make_once(mark, "1", "read") for _ in range(together)))
    [made] = [one for one in answers if isinstance(one, MadeKey)]
    assert [key.id for key in topic.ring().of_org("1")] == [made.key.id]
    assert topic.ring().holder(made.text, NOW) == made.key
    before = MadeBefore(made.key, same=True)
    assert [one for one in answers if one is not made] == [before] * (together - 1)
    assert await desk.make_once(mark, "1", "read") == before
    assert await desk.make_once(RequestMark.of("once", {"scope": "admin"}), "1", "admin") == replace(before, same=False)
    assert isinstance(await desk.make_once(mark, "2", "read"), MadeKey)
    assert len(topic.ring()) == 2


def test_a_request_is_remembered_for_a_day_or_until_its_key_is_revoked() -> None:
    mark = RequestMark("once", "ab")
    key, ring = made(request=mark)[0], KeyRing()
    assert ring.fold(key.id.encode(), key.encode()) is None
    assert ring.get(key.id) == key == ring.made_by("1", "once", NOW + REMEMBERED_MS - 1)
    assert ring.made_by("1", "once", NOW + REMEMBERED_MS) is None
    assert ring.made_by("1", "other", NOW) is ring.made_by("2", "once", NOW) is None
    ring.fold(key.id.encode(), None)
    assert ring.made_by("1", "once", NOW) is None
