"""Topics of a test's own, for services that run in the test itself; processes have `leadstream_process.deployment`."""

from pathlib import Path

from stream_app.operations.topic_administration import ensure_topics
from stream_app.settings import Settings, load_settings


async def prepared(bootstrap: str, prefix: str, folder: Path) -> Settings:
    """Create the topics of an application with one partition; return its settings."""
    line = {"bootstrap_servers": bootstrap, "prefix": prefix, "app_id": prefix, "partitions": 1}
    made = load_settings({**line, "replication_factor": 1}, {}, folder)
    await ensure_topics(made)
    return made
