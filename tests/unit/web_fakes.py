"""A worker without Kafka: dict-backed partitions, output topics in memory, and the real web application on top."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from schemas.api_keys import Scope
from schemas.authored import Rule
from schemas.config_headers import RequestMark
from schemas.ids import contact_key
from schemas.journal import SourceCounters
from schemas.outputs import Award, EventCause, ScoreChanged, ThresholdCrossed
from schemas.state import CORE, FACTS, HAS_FACTS, SCHEMA_VERSION, SEPARATOR, Core, Facts, ProfileState
from stream_app.authoring.api_keys import ApiKey, KeyRing, digest_of, make_key
from stream_app.authoring.key_administration import KeysUnavailable, MadeBefore, MadeKey, Revoked
from stream_app.delivery.rekey import RekeyCounters, RekeyStatus
from stream_app.delivery.status import DeliveryCounters, PartitionStatus
from stream_app.processing.placement import partition_of
from stream_app.reading.contacts import ContactQueries
from stream_app.reading.fires import FireTotals
from stream_app.reading.live import Live
from stream_app.reading.output_feed import Opened, Passage, Start, Tail
from stream_app.reading.owners import Members, Owners
from stream_app.reading.recent_awards import RecentAwards
from stream_app.scoring.rulebook import EMPTY_RULEBOOK, Rulebook
from stream_app.settings import declared_topics, load_settings
from stream_app.web import accounting, commands, contacts, editing, events, imports, keys, probes, scores, stream
from stream_app.web.authentication import Keys
from stream_app.web.fires import FIRES, FireCounts
from stream_app.web.forwarding import OWNERS, PEERS, Forwarding
from stream_app.web.metrics import ForwardedCollector, ScoringCollector, create_registry
from stream_app.web.peers import Peers
from stream_app.web.routes import create_web
from tests.unit.config_fakes import MemoryConfig
from tests.unit.desk_fakes import EngineSender

SCORES, CROSSINGS = "leadstream.score-changed", "leadstream.threshold-crossed"
TOPICS = {SCORES: "score-changed", CROSSINGS: "threshold-crossed"}
ROOT, DEMO = "root-secret", "ls_demo_secret"
PARTITIONS = 4
SOURCE, OWN_URL = "leadstream.engagement", "http://127.0.0.1:6066"


class DictCommitted:
    """Committed state in a dict."""

    def __init__(self) -> None:
        self.records: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.records.get(key)

    def scan(self, after: bytes) -> Iterator[tuple[bytes, bytes]]:
        return ((k, v) for k, v in sorted(self.records.items()) if k > after)

    def walk(self, records: int) -> Iterator[list[tuple[bytes, bytes]]]:
        rows = list(self.records.items())
        return (rows[i : i + records] for i in range(0, len(rows), records))


class FakePartitions:
    """A PartitionsView whose partitions a test opens, stops and takes away."""

    def __init__(self, count: int = PARTITIONS) -> None:
        self.partition_count = count
        self.counters = DeliveryCounters(batches=3, records=120, fenced=1)
        self.stores: dict[int, DictCommitted] = {p: DictCommitted() for p in range(count)}
        self.status = {p: running(p) for p in range(count)}

    def committed(self, partition: int) -> DictCommitted | None:
        return self.stores.get(partition)

    def statuses(self) -> list[PartitionStatus]:
        return [self.status[p] for p in sorted(self.status)]

    def put(self, contact_id: str, core: Core, facts: Facts | None = None, org_id: str = "1") -> int:
        """Store a contact as the engine encodes it; return its partition."""
        key = contact_key(org_id, contact_id)
        partition = partition_of(key, self.partition_count)
        store = self.stores[partition].records
        store[key + SEPARATOR + CORE] = msgspec.msgpack.encode(core)
        if facts:
            store[key + SEPARATOR + FACTS] = msgspec.msgpack.encode(facts)
        return partition


def running(partition: int, lag: int = 0) -> PartitionStatus:
    counted = SourceCounters(start=10, applied=20, duplicate=4, no_effect=3, dead_letter=2, gaps=1)
    topic = "leadstream.engagement"
    return PartitionStatus(
        partition, "running", seq=5, clock=1_772_375_400_000, version=2, sources={topic: 40}, lag={topic: lag},
        counters={topic: counted},
    )  # fmt: skip


class FakeIngest:
    """A RekeyView that a test sets."""

    def __init__(self) -> None:
        self.counters = RekeyCounters()
        self.held: list[RekeyStatus] = []

    def statuses(self) -> list[RekeyStatus]:
        return self.held


class MemoryLog:
    """Output topics in memory; feeds of it can be made to fail."""

    def __init__(self, count: int = PARTITIONS) -> None:
        self.logs: dict[tuple[str, int], list[Passage]] = {(t, p): [] for t in TOPICS for p in range(count)}
        self.changed = asyncio.Event()
        self.broken = False
        self.feeds = 0
        self.clock = 1_772_375_400_000

    def add(self, topic: str, key: bytes, value: bytes | None) -> Passage:
        partition = partition_of(key, len(self.logs) // 2)
        log = self.logs[topic, partition]
        self.clock += 1
        passage = Passage(topic, partition, len(log), key, value, self.clock)
        log.append(passage)
        self.changed.set()
        return passage

    def send(self, output: ScoreChanged | ThresholdCrossed) -> Passage:
        topic = SCORES if isinstance(output, ScoreChanged) else CROSSINGS
        return self.add(topic, contact_key(output.org_id, output.contact_id), msgspec.json.encode(output))

    def feed(self) -> "MemoryFeed":
        return MemoryFeed(self)


class MemoryFeed:
    """A Feed over a MemoryLog."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.at: dict[tuple[str, int], int] = {}
        log.feeds += 1

    async def open(self, start: Start) -> Opened:
        if self.log.broken:
            raise ConnectionRefusedError("no broker")
        for where, log in self.log.logs.items():
            tail = -(-start.records // (len(self.log.logs) // 2)) if isinstance(start, Tail) else 0
            wanted = len(log) - tail if isinstance(start, Tail) else start.get(where, len(log))
            self.at[where] = min(max(wanted, 0), len(log))
        moved = not isinstance(start, Tail) and any(self.at[w] != o for w, o in start.items())
        return Opened(dict(self.at), moved)

    async def take(self) -> tuple[list[Passage], dict[tuple[str, int], int]]:
        if self.log.broken:
            raise ConnectionRefusedError("no broker")
        passages = [p for where, log in self.log.logs.items() for p in log[self.at[where] :]]
        if not passages:
            self.log.changed.clear()
            try:
                async with asyncio.timeout(0.05):
                    await self.log.changed.wait()
            except TimeoutError:
                pass
            return [], dict(self.at)
        self.at = {where: len(log) for where, log in self.log.logs.items()}
        return passages, dict(self.at)

    async def close(self) -> None:
        self.log.feeds -= 1


def api_key(text: str, org_id: str, scope: Scope, **more: Any) -> ApiKey:
    """Return the kept form of a key's text ``ls_<id>_<secret>``."""
    return ApiKey(id=text.split("_")[1], digest=digest_of(text), org_id=org_id, scope=scope, **more)


class FakeApiKeys:
    """KeysInForce that a test sets; ``known`` None is a topic that is not read yet."""

    def __init__(self, *keys: ApiKey) -> None:
        self.known: KeyRing | None = KeyRing(keys)

    def ring(self) -> KeyRing | None:
        return self.known


class FakeKeyDesk:
    """A KeyDesk over FakeApiKeys: what it makes and revokes is in force at once, unless a test says otherwise."""

    def __init__(self, known: FakeApiKeys) -> None:
        self.known = known
        self.in_force = True
        self.broken = False

    async def make(self, org_id: str, scope: Scope, **more: Any) -> MadeKey:
        self._ring()
        key, text = make_key(org_id=org_id, scope=scope, now=1_772_375_400_000, **more)
        self._ring().fold(key.id.encode(), key.encode())
        return MadeKey(key, text, self.in_force)

    async def make_once(self, request: RequestMark, org_id: str, scope: Scope, **more: Any) -> MadeKey | MadeBefore:
        made = self._ring().made_by(org_id, request.key, 1_772_375_400_000)
        if made is not None:
            return MadeBefore(made, made.request == request)
        return await self.make(org_id, scope, request=request, **more)

    async def of_org(self, org_id: str) -> list[ApiKey]:
        return self._ring().of_org(org_id)

    async def revoke(self, key_id: str) -> Revoked | None:
        key = self._ring().get(key_id)
        if key is None:
            return None
        self._ring().fold(key_id.encode(), None)
        return Revoked(key, self.in_force)

    def _ring(self) -> KeyRing:
        if self.broken or self.known.known is None:
            raise KeysUnavailable("no broker")
        return self.known.known


class FakeGroup:
    """A Membership that a test sets: which URL holds which partitions; the others are this worker's."""

    def __init__(self, count: int = PARTITIONS) -> None:
        self.count = count
        self.away: dict[str, list[int]] = {}
        self.joining = False
        self._told: Members = {}
        self._of: object = None

    def members(self) -> Members | None:
        if self._of != repr(self.away):  # as Faust: another mapping only when the assignment is another
            elsewhere = {p for held in self.away.values() for p in held}
            mine = [p for p in range(self.count) if p not in elsewhere]
            self._told = {url: {SOURCE: held} for url, held in {**self.away, OWN_URL: mine}.items()}
            self._of = repr(self.away)
        return None if self.joining else self._told


class FakeRulebooks:
    """A RulebookReader whose version a test moves."""

    def __init__(self) -> None:
        self.version = 0
        self.moved = asyncio.Condition()

    async def has_read(self, version: int, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds), self.moved:
                await self.moved.wait_for(lambda: self.version >= version)
        except TimeoutError:
            return False
        return True

    async def read(self, version: int) -> None:
        async with self.moved:
            self.version = version
            self.moved.notify_all()


class FakeReadiness:
    """A Readiness that a test sets."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def why_not(self) -> str | None:
        return self.reason


@dataclass
class World:
    """Everything a test of the web needs, wired as the worker wires it."""

    partitions: FakePartitions = field(default_factory=FakePartitions)
    ingest: FakeIngest = field(default_factory=FakeIngest)
    log: MemoryLog = field(default_factory=MemoryLog)
    recent: RecentAwards = field(default_factory=lambda: RecentAwards(SCORES))
    readiness: FakeReadiness = field(default_factory=FakeReadiness)
    config: MemoryConfig = field(default_factory=MemoryConfig)
    variables: Mapping[str, str] = field(default_factory=dict)
    group: FakeGroup = field(default_factory=FakeGroup)
    rulebooks: FakeRulebooks = field(default_factory=FakeRulebooks)
    peers: Peers = field(default_factory=Peers)
    rules: dict[str, dict[int, Rule]] = field(default_factory=dict)
    book: Rulebook = EMPTY_RULEBOOK

    def __post_init__(self) -> None:
        self.sender = EngineSender(self.partitions, self.recent)
        self.live = Live(self.log.feed, TOPICS, self.partitions.partition_count)
        self.api_keys = FakeApiKeys(api_key(DEMO, "1", "read"))
        self.key_desk = FakeKeyDesk(self.api_keys)
        self.keys = Keys(ROOT, self.api_keys)
        owners = Owners(self.group, [SOURCE], self.partitions.partition_count, OWN_URL)
        settings = load_settings({}, dict(self.variables), Path("/nonexistent"))
        self.app = create_web(
            settings=settings,
            keys=self.keys,
            parts={
                editing.CONFIG: self.config,
                editing.EDITS: self.config,
                probes.PARTITIONS: self.partitions,
                probes.READY: probes.Ready(self.readiness),
                probes.REGISTRY: create_registry(
                    self.partitions, ForwardedCollector(self.peers.results), ScoringCollector(self.sender.counters)
                ),
                accounting.INGEST: self.ingest,
                accounting.ROLES: accounting.Roles.of(declared_topics(settings)),
                scores.CONTACTS: ContactQueries(
                    self.partitions, self.recent, profiles=lambda org: self.book.org(org).profiles
                ),
                stream.LIVE: self.live,
                OWNERS: owners,
                PEERS: self.peers,
                commands.ORDERS: self.sender.desk.orders,
                commands.WRITES: self.sender.desk.writes,
                contacts.SUMMARIES: self.sender.desk.summaries,
                events.EVENTS: self.sender.desk.events,
                imports.IMPORTS: self.sender.desk.imports,
                FIRES: FireCounts(FireTotals(self.partitions), lambda org: self.rules.get(org, {})),
                keys.KEYS: self.key_desk,
            },
            middlewares=[Forwarding(owners, self.peers, self.rulebooks, rulebook_seconds=0.2).pass_on],
        )
        self.app.on_cleanup.append(self.peers.close)


def bearer(key: str = DEMO, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


def change(contact_id: str = "42", version: int = 1, *, points: int = 5, before: int = 0, **more: Any) -> ScoreChanged:
    """Return one ScoreChanged with one award."""
    award = Award(
        more.pop("log_id", version), more.pop("rule_id", 1), "Email opened", points, "Rule: Email opened"
    )  # fmt: skip
    fields: dict[str, Any] = {
        "id": f"leadstream.engagement-0-{version}/default", "org_id": "1", "site_id": "1", "contact_id": contact_id,
        "profile_id": "default", "previous_score": before, "score": before + points, "delta": points,
        "version": version, "awards": [award], "cause": EventCause(f"e-{version}", "email_open"),
        "occurred_at": "2026-03-01T14:30:00.000Z", "rulebook_version": 2,
    }  # fmt: skip
    return ScoreChanged(**{**fields, **more})


def crossing(of: ScoreChanged, threshold: int) -> ThresholdCrossed:
    up = of.score >= of.previous_score
    return ThresholdCrossed(
        f"{of.id}/{threshold}/{'up' if up else 'down'}", of.org_id, of.contact_id, of.profile_id, threshold,
        "up" if up else "down", of.previous_score, of.score, of.version, of.cause, of.occurred_at,
    )  # fmt: skip


def core(*, awards: int, total: int, log_id: int | None = None, shown: int | None = None) -> Core:
    """Return a core section with one profile."""
    profile = ProfileState(total, awards, total if shown is None else shown, awards)
    return Core(SCHEMA_VERSION, 1, 2, awards if log_id is None else log_id, {"default": profile}, {1: 1}, has=HAS_FACTS)


def facts(email: str) -> Facts:
    return Facts(SCHEMA_VERSION, email)
