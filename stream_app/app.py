"""create_app: the one place that binds topics, tables, handler and services into a Faust application.

Laws: nothing happens at import, and two apps can be constructed in one process; what flows where is in `jobs`.
Reads settings; starts nothing.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from mode import Service

from stream_app.authoring.api_key_topic import ApiKeyFollower
from stream_app.authoring.config_topic import ConfigSession
from stream_app.authoring.editor import Editor
from stream_app.authoring.follower import ConfigFollower
from stream_app.authoring.key_administration import KeyAdministration
from stream_app.delivery import Batch, Dated, Effects, ExactlyOnceApp, Handler, Probe, Work
from stream_app.delivery.rekey_group import RekeyGroup
from stream_app.delivery.sender import Sender
from stream_app.jobs import ingest_job, scoring_handler, scoring_job
from stream_app.processing.handler import ScoringCounters
from stream_app.reading.contact_desk import ContactDesk, contact_desk
from stream_app.reading.contacts import ContactQueries
from stream_app.reading.fires import FireTotals
from stream_app.reading.ledger_audit import LedgerAudit
from stream_app.reading.live import Live
from stream_app.reading.output_feed import KafkaFeed
from stream_app.reading.owners import Owners
from stream_app.reading.recent_awards import RecentAwards
from stream_app.reading.score_log import ScoreLog
from stream_app.reading.score_log_follower import ScoreLogFollower
from stream_app.settings import Settings, declared_topics, kafka_client_arguments
from stream_app.web import accounting, commands, contacts, editing, events, imports, keys, probes, scores, stream
from stream_app.web.authentication import Keys
from stream_app.web.fires import FIRES, FireCounts
from stream_app.web.forwarding import OWNERS, PEERS, Forwarding
from stream_app.web.ingest_metrics import IngestCollector
from stream_app.web.metrics import ForwardedCollector, ScoringCollector, create_registry
from stream_app.web.peers import Peers
from stream_app.web.routes import create_web
from stream_app.web.score_log_metrics import LedgerCollector, ScoreLogCollector
from stream_app.web.server import WebServer


class Announcing:
    """A Handler that tells the reading side what has been committed, after it is readable."""

    def __init__(self, handler: Handler, recent: RecentAwards) -> None:
        self._handler, self._recent = handler, recent
        self.also: list[Callable[[Batch, Effects], None]] = []

    def begin(self, batch: Batch, committed: Dated) -> Work:
        """Start a batch."""
        return self._handler.begin(batch, committed)

    def version(self) -> int:
        """Return the newest rulebook version known."""
        return self._handler.version()

    def needs_sweep(self, before: int, now: int) -> bool:
        """Tell whether a change of rules moves contacts without input."""
        return self._handler.needs_sweep(before, now)

    def next_due(self, committed: Dated) -> int | None:
        """Return the earliest due time."""
        return self._handler.next_due(committed)

    def committed(self, batch: Batch, effects: Effects) -> None:
        """Pass a committed batch on to those who show it."""
        self._handler.committed(batch, effects)
        self._recent.observe(batch.partition, batch.seq, effects.outputs, effects.ends)
        for tell in self.also:
            tell(batch, effects)


class Follower(Protocol):
    """What reads on for as long as the worker lives."""

    async def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End."""
        ...


class Following(Service):
    """A follower as a service; it has started when ``until`` has ended too, where that is given."""

    def __init__(self, follower: Follower, until: Callable[[], Awaitable[object]] | None = None) -> None:
        super().__init__()
        self._follower, self._until = follower, until

    async def on_start(self) -> None:
        """Follow."""
        await self._follower.start()
        if self._until is not None:
            await self._until()

    async def on_stop(self) -> None:
        """End following."""
        await self._follower.stop()


class LeadstreamApp(ExactlyOnceApp):
    """The application with what starts beside it: ``web`` before the broker answers, the others after."""

    web_view: WebServer
    config: Following
    follower: ConfigFollower
    keys: Following
    api_keys: ApiKeyFollower
    ingest: RekeyGroup
    scoring: ScoringCounters
    score_log: Following
    audit: Following

    def why_not(self) -> str | None:
        """Return why this worker cannot do its work, None when it can (``/ready``)."""
        if self.follower.trouble is not None:
            return self.follower.trouble
        if self.api_keys.ring() is None:
            return self.api_keys.trouble or "The API keys are not read yet."
        if not self.partitions.settled or self.rebalancing:
            return "The worker has not joined its group yet."
        if not self.heartbeats.in_session():
            return "Kafka has not answered for a session timeout: another worker may have its partitions."
        waiting = [status for status in self.partitions.statuses() if status.phase != "running"]
        if waiting:
            return "; ".join(f"partition {s.partition} is {s.phase}{': ' + s.why if s.why else ''}" for s in waiting)
        return self.ingest.why_not()


def create_app(settings: Settings, *, probe: Probe | None = None) -> LeadstreamApp:
    """Return the application for these settings; `operations.process.run` runs it."""
    topics, client = declared_topics(settings), kafka_client_arguments(settings)
    follower, recent = ConfigFollower(settings), RecentAwards(topics.score_changed.name)
    handler = scoring_handler(settings, follower)
    announcing = Announcing(handler, recent)
    job = scoring_job(settings, announcing, probe)
    app = LeadstreamApp(
        job,
        table="contacts",
        broker=str(settings.bootstrap_servers),
        data_dir=settings.data_dir,
        url=settings.advertised_url,
        session_timeout_seconds=settings.session_timeout_seconds,
        instance_id=settings.instance_id,
    )
    app.follower = follower
    app.config = Following(follower, until=follower.caught_up)  # so that no record misses a rule
    app.api_keys = ApiKeyFollower(settings)
    app.keys = Following(app.api_keys)
    app.ingest = RekeyGroup(ingest_job(settings, probe))
    app.scoring = handler.counters
    log = ScoreLog(recent, settings.data_dir / "log" / settings.app_id, settings.score_changed_days)
    sender = Sender(client)
    desk = contact_desk(settings, app.partitions, sender, log)
    announcing.also.append(desk.observe)
    app.score_log = Following(ScoreLogFollower(client, topics.score_changed.name, app.partitions, recent, log))
    audit = LedgerAudit(app.partitions, log)
    app.audit = Following(audit)
    app.web_view = _web(settings, app, (log, audit), follower, desk, sender)
    return app


def _web(
    settings: Settings, app: LeadstreamApp, ledger: tuple[ScoreLog, LedgerAudit], follower: ConfigFollower,
    desk: ContactDesk, sender: Sender,
) -> WebServer:  # fmt: skip
    log, audit = ledger
    topics, client = declared_topics(settings), kafka_client_arguments(settings)
    shown = {topics.score_changed.name: "score-changed", topics.threshold_crossed.name: "threshold-crossed"}
    live = Live(lambda: KafkaFeed(client, list(shown), settings.partitions), shown, settings.partitions)
    queries = ContactQueries(
        app.partitions, log, rule_name=lambda org, rule: follower.current().rule_name(org, rule),
        profiles=lambda org: follower.current().org(org).profiles,
    )  # fmt: skip
    owners, peers = Owners(app, app.partitions.sources, settings.partitions, settings.advertised_url), Peers()
    fires = FireCounts(FireTotals(app.partitions), lambda org: follower.current().org(org).memories)
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
                app.partitions,
                ScoringCollector(app.scoring),
                ForwardedCollector(peers.results),
                IngestCollector(app.ingest),
                ScoreLogCollector(log),
                LedgerCollector(audit),
            ),
            accounting.INGEST: app.ingest,
            accounting.ROLES: accounting.Roles.of(topics),
            scores.CONTACTS: queries,
            commands.ORDERS: desk.orders,
            commands.WRITES: desk.writes,
            contacts.SUMMARIES: desk.summaries,
            events.EVENTS: desk.events,
            imports.IMPORTS: desk.imports,
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
