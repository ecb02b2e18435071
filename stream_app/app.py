"""create_app: the one place that binds topics, tables, handler and services into a Faust application.

Laws: nothing happens at import, and two apps can be constructed in one process; what flows where is one readable call,
the ``Job``.  Reads settings; starts nothing.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import faust
from faust.types.auth import AuthProtocol, SASLMechanism
from mode import Service

from stream_app.authoring.api_key_topic import ApiKeyFollower
from stream_app.authoring.config_topic import ConfigSession
from stream_app.authoring.editor import Editor
from stream_app.authoring.follower import ConfigFollower
from stream_app.authoring.key_administration import KeyAdministration
from stream_app.delivery import Batch, Committed, Effects, ExactlyOnceApp, Handler, Job, Probe, Store, Work
from stream_app.delivery.rekey import RekeyJob
from stream_app.delivery.rekey_group import RekeyGroup
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.sender import Sender
from stream_app.delivery.stores import MemoryStore
from stream_app.processing.handler import Rulebooks, ScoringHandler
from stream_app.processing.rekeying import Rekeying
from stream_app.reading.contact_desk import ContactDesk, contact_desk
from stream_app.reading.contacts import ContactQueries
from stream_app.reading.fires import FireTotals
from stream_app.reading.live import Live
from stream_app.reading.output_feed import KafkaFeed
from stream_app.reading.owners import Owners
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log import ScoreLog
from stream_app.reading.score_log_follower import ScoreLogFollower
from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from stream_app.web import commands, contacts, editing, events, keys, probes, scores, stream
from stream_app.web.authentication import Keys
from stream_app.web.fires import FIRES, FireCounts
from stream_app.web.forwarding import OWNERS, PEERS, Forwarding
from stream_app.web.ingest_metrics import IngestCollector
from stream_app.web.metrics import ForwardedCollector, create_registry
from stream_app.web.peers import Peers
from stream_app.web.routes import create_web
from stream_app.web.score_log_metrics import ScoreLogCollector
from stream_app.web.server import WebServer

DEAD_LETTER_BATCH_BYTES = 4_000_000


class Announcing:
    """A Handler that tells the reading side what has been committed, after it is readable."""

    def __init__(self, handler: Handler, recent: RecentAwards) -> None:
        self._handler, self._recent = handler, recent
        self.also: list[Callable[[Batch, Effects], None]] = []

    def begin(self, batch: Batch, committed: Committed) -> Work:
        """Start a batch."""
        return self._handler.begin(batch, committed)

    def version(self) -> int:
        """Return the newest rulebook version known."""
        return self._handler.version()

    def needs_sweep(self, before: int, now: int) -> bool:
        """Tell whether a change of rules moves contacts without input."""
        return self._handler.needs_sweep(before, now)

    def next_due(self, committed: Committed) -> int | None:
        """Return the earliest due time."""
        return self._handler.next_due(committed)

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Pass a committed batch on to those who show it."""
        self._handler.committed(batch, effects)
        self._recent.observe(batch.partition, batch.seq, effects.outputs, effects.ends)
        for tell in self.also:
            tell(batch, effects)


class FollowConfig(Service):
    """Keeps the rulebook current; starts when what was in ``config`` is read, so that no record misses a rule."""

    def __init__(self, follower: ConfigFollower) -> None:
        super().__init__()
        self._follower = follower

    async def on_start(self) -> None:
        """Follow, and wait until the end of the log is read."""
        await self._follower.start()
        await self._follower.caught_up()

    async def on_stop(self) -> None:
        """End following."""
        await self._follower.stop()


class FollowKeys(Service):
    """Keeps the API keys current; until they are known requests with one are told to wait."""

    def __init__(self, follower: ApiKeyFollower) -> None:
        super().__init__()
        self._follower = follower

    async def on_start(self) -> None:
        """Follow."""
        await self._follower.start()

    async def on_stop(self) -> None:
        """End following."""
        await self._follower.stop()


class FollowScoreLog(Service):
    """Keeps the score logs of this worker's partitions; nothing waits for it."""

    def __init__(self, follower: ScoreLogFollower) -> None:
        super().__init__()
        self._follower = follower

    async def on_start(self) -> None:
        """Follow."""
        await self._follower.start()

    async def on_stop(self) -> None:
        """End following and close the logs."""
        await self._follower.stop()


class LeadstreamApp(ExactlyOnceApp):
    """The application with what starts beside it: ``web`` before the broker answers, the others after."""

    web_view: WebServer
    config: FollowConfig
    follower: ConfigFollower
    keys: FollowKeys
    api_keys: ApiKeyFollower
    ingest: RekeyGroup
    score_log: FollowScoreLog

    def why_not(self) -> str | None:
        """Return why this worker cannot do its work, None when it can (``/ready``)."""
        if self.follower.trouble is not None:
            return self.follower.trouble
        if self.api_keys.ring() is None:
            return self.api_keys.trouble or "The API keys are not read yet."
        if not self.partitions.settled or self.rebalancing:
            return "The worker has not joined its group yet."
        waiting = [status for status in self.partitions.statuses() if status.phase != "running"]
        if waiting:
            return "; ".join(f"partition {s.partition} is {s.phase}{': ' + s.why if s.why else ''}" for s in waiting)
        return self.ingest.why_not()


def create_app(settings: Settings, *, probe: Probe | None = None) -> LeadstreamApp:
    """Return the application for these settings; `operations.process.run` runs it."""
    topics, client = declared_topics(settings), kafka_client_arguments(settings)
    follower, recent = ConfigFollower(settings), RecentAwards(topics.score_changed.name)
    announcing = Announcing(scoring_handler(settings, follower), recent)
    job = scoring_job(settings, announcing, probe)
    app = LeadstreamApp(
        job,
        table="contacts",
        broker=str(settings.bootstrap_servers),
        data_dir=settings.data_dir,
        url=settings.advertised_url,
        session_timeout_seconds=settings.session_timeout_seconds,
        instance_id=settings.instance_id,
        **_credentials(client),
    )
    app.follower, app.config = follower, FollowConfig(follower)
    app.api_keys = ApiKeyFollower(settings)
    app.keys = FollowKeys(app.api_keys)
    app.ingest = RekeyGroup(ingest_job(settings, probe))
    log = ScoreLog(recent, settings.data_dir / "log" / settings.app_id, settings.score_changed_days)
    sender = Sender(client)
    desk = contact_desk(settings, app.partitions, sender, log)
    announcing.also.append(desk.observe)
    app.score_log = FollowScoreLog(
        ScoreLogFollower(client, topics.score_changed.name, app.partitions, recent, log)
    )  # fmt: skip
    app.web_view = _web(settings, app, log, follower, desk, sender)
    return app


def scoring_job(settings: Settings, handler: Handler, probe: Probe | None = None) -> Job:
    """Return the job: what flows from where to where; repairs use the same one."""
    topics = declared_topics(settings)
    return Job(
        name=settings.app_id,
        sources=tuple(spec.name for spec in topics.sources),
        changelog=topics.changelog.name,
        journal=topics.journal.name,
        partitions=settings.partitions,
        handler=handler,
        client=kafka_client_arguments(settings),
        store=partial(_open_store, settings),
        start=settings.start,
        clock_mode=settings.clock,
        max_batch_records=settings.max_batch_records,
        heartbeat_seconds=settings.session_timeout_seconds / 6,
        compression="lz4",
        wide_topics={topics.dead_letters.name: DEAD_LETTER_BATCH_BYTES},
        probe=probe,
    )


def ingest_job(settings: Settings, probe: Probe | None = None) -> RekeyJob:
    """Return the job of ingest: sources of role any into ``rekeyed``, what cannot be keyed into the dead letters."""
    topics = declared_topics(settings)
    rekeyed, dead_letters = topics.rekeyed.name, topics.dead_letters.name
    return RekeyJob(
        name=f"{settings.app_id}-ingest",
        sources=tuple(spec.name for spec in topics.unkeyed),
        route=Rekeying(rekeyed, dead_letters, settings.partitions, settings.max_record_bytes),
        client=kafka_client_arguments(settings),
        start=settings.start,
        max_batch_records=settings.max_batch_records,
        session_timeout_seconds=settings.session_timeout_seconds,
        heartbeat_seconds=settings.session_timeout_seconds / 6,
        compression="lz4",
        wide_topics={dead_letters: DEAD_LETTER_BATCH_BYTES},
        probe=probe,
    )


def scoring_handler(settings: Settings, rulebooks: Rulebooks) -> ScoringHandler:
    """Return the handler that scores; `state verify` replays with the same one over the history of rulebooks."""
    topics = declared_topics(settings)
    return ScoringHandler(
        partitions=settings.partitions,
        engagement=[spec.name for spec in topics.keyed],
        rekeyed=topics.rekeyed.name,
        contacts=topics.contacts.name,
        commands=topics.commands.name,
        score_changed=topics.score_changed.name,
        threshold_crossed=topics.threshold_crossed.name,
        dead_letters=topics.dead_letters.name,
        rulebooks=rulebooks,
        dedupe_ids=settings.dedupe_ids,
        max_record_bytes=settings.max_record_bytes,
        max_lateness_days=settings.max_lateness_days,
        headers=settings.headers,
    )


def _open_store(settings: Settings, partition: int) -> Store:
    if settings.store == "memory":
        return MemoryStore()
    return RocksStore(settings.data_dir / "state" / settings.app_id / str(partition))


def _credentials(client: dict[str, Any]) -> dict[str, Any]:
    """Return Faust's broker_credentials for the same servers and security as every other client."""
    protocol, context = client["security_protocol"], client.get("ssl_context")
    if protocol == "PLAINTEXT":
        return {}
    if protocol == "SSL":
        return {"broker_credentials": faust.SSLCredentials(context)}
    sasl = faust.SASLCredentials(
        mechanism=SASLMechanism(client["sasl_mechanism"]),
        username=client["sasl_plain_username"],
        password=client["sasl_plain_password"],
        ssl_context=context,
    )
    sasl.protocol = AuthProtocol(protocol)
    return {"broker_credentials": sasl}


def _web(
    settings: Settings, app: LeadstreamApp, log: ScoreLog, follower: ConfigFollower, desk: ContactDesk,
    sender: Sender,
) -> WebServer:  # fmt: skip
    topics, client = declared_topics(settings), kafka_client_arguments(settings)
    shown = {topics.score_changed.name: "score-changed", topics.threshold_crossed.name: "threshold-crossed"}
    live = Live(lambda: KafkaFeed(client, list(shown), settings.partitions), shown, settings.partitions)
    queries = ContactQueries(app.partitions, log, rule_name=lambda org, rule: follower.current().rule_name(org, rule))
    owners, peers = Owners(app, app.partitions.sources, settings.partitions, settings.advertised_url), Peers()
    fires = FireCounts(FireTotals(app.partitions), lambda org: follower.current().org(org).rules)
    editor = Editor(partial(ConfigSession.open, settings), follower, lambda: time.time_ns() // 1_000_000)
    application = create_web(
        settings=settings,
        keys=Keys(settings.root_key, app.api_keys),
        parts={
            editing.CONFIG: follower,
            editing.EDITS: editor,
            probes.PARTITIONS: app.partitions,
            probes.READY: probes.Ready(app),
            probes.REGISTRY: create_registry(
                app.partitions, ForwardedCollector(peers.results), IngestCollector(app.ingest), ScoreLogCollector(log)
            ),
            scores.CONTACTS: queries,
            commands.ORDERS: desk.orders,
            commands.WRITES: desk.writes,
            contacts.SUMMARIES: desk.summaries,
            events.EVENTS: desk.events,
            stream.LIVE: live,
            OWNERS: owners,
            PEERS: peers,
            FIRES: fires,
            keys.KEYS: KeyAdministration(settings, app.api_keys),
        },
        middlewares=[Forwarding(owners, peers, follower).pass_on],
    )
    application.on_cleanup.append(peers.close)
    application.on_cleanup.append(lambda _: sender.close())
    application.on_cleanup.append(lambda _: editor.close())
    return WebServer(application, settings.web_bind, settings.web_port)
