"""The Faust application that runs one exactly-once job.

Laws: it is a real `faust.App`: membership, assignment, tables, timers, services and command line are Faust's; reading,
transactions and restore are delivery's.  Nothing happens at import; two can be constructed in one process.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import faust
from faust.types import StreamT
from faust.types.auth import AuthProtocol, SASLMechanism

from stream_app.delivery.aiokafka_records import read_any_header_name
from stream_app.delivery.aiokafka_send import tune
from stream_app.delivery.faust_seams import MembershipConsumer, SeamedApp
from stream_app.delivery.job import Job
from stream_app.delivery.partitions import Partitions


class ExactlyOnceApp(SeamedApp):
    """`ExactlyOnceApp(job, table="contacts", ...)`: the job's sources, its handler, its table."""

    partitions: Partitions
    table: Any

    def __init__(
        self, job: Job, *, table: str, broker: str, data_dir: Path, url: str, session_timeout_seconds: float = 10.0,
        instance_id: str | None = None, **faust_settings: Any,
    ) -> None:  # fmt: skip
        """``broker`` is host:port[,host:port]; ``url`` is how other members reach this one, unique in the group."""
        self.partitions = Partitions(job)
        member = {} if instance_id is None else {"consumer_group_instance_id": instance_id}
        super().__init__(
            job.name,
            broker=["kafka://" + server for server in broker.split(",")],
            topic_partitions=job.partitions,
            store="memory://",
            datadir=str(data_dir / "faust"),
            canonical_url=url,
            broker_session_timeout=session_timeout_seconds,
            broker_heartbeat_interval=min(job.heartbeat_seconds, session_timeout_seconds / 3),
            broker_rebalance_timeout=max(20.0, 2 * session_timeout_seconds),
            broker_request_timeout=max(40.0, 4 * session_timeout_seconds),
            **member,
            **_credentials(job.client),
            **faust_settings,
        )
        tune()
        read_any_header_name()
        app: Any = self  # faust's decorators are half typed
        self.table = app.Table(table, key_type=bytes, value_type=bytes, partitions=job.partitions)
        if self.table.changelog_topic_name != job.changelog:
            raise ValueError(
                f"the table's changelog is {self.table.changelog_topic_name}, the job says {job.changelog}"
            )
        for source in job.sources:
            app.agent(app.topic(source), name=f"membership-of-{source}")(_keep_subscribed)

    def _new_consumer(self) -> MembershipConsumer:
        consumer: Any = super()._new_consumer()
        self.partitions.bind(consumer)
        return consumer


async def _keep_subscribed(stream: StreamT[Any]) -> None:
    """Keep a topic subscribed; its partitions stay paused in Faust and are read by delivery."""
    async for _ in stream:
        raise RuntimeError("Faust fetched a record of an exactly-once source")


def _credentials(client: Mapping[str, Any]) -> dict[str, Any]:
    """Return Faust's broker_credentials for the same servers and security as every other client."""
    protocol, context = client.get("security_protocol", "PLAINTEXT"), client.get("ssl_context")
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
