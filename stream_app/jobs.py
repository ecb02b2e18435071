"""The jobs of a worker: what flows from where to where, each in one readable call.

Laws: a live worker, a repair and a replay use the same ones.  Reads settings; starts nothing.
"""

from functools import partial

from stream_app.delivery import Handler, Job, Probe, Store
from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.rekey import RekeyJob
from stream_app.delivery.rocks import RocksStore
from stream_app.delivery.stores import MemoryStore
from stream_app.processing.due_index import due_of
from stream_app.processing.handler import Rulebooks, ScoringHandler
from stream_app.processing.rekeying import Rekeying
from stream_app.settings import Settings, declared_topics, kafka_client_arguments

DEAD_LETTER_BATCH_BYTES = 4_000_000


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
        witness=TopicPartition(topics.config.name, 0),
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
        max_dwell_seconds=settings.max_dwell_seconds,
        max_record_bytes=settings.max_record_bytes,
        max_lateness_days=settings.max_lateness_days,
        headers=settings.headers,
    )


def _open_store(settings: Settings, partition: int) -> Store:
    if settings.store == "memory":
        return MemoryStore(due_of)
    return RocksStore(settings.data_dir / "state" / settings.app_id / str(partition), due_of)
