"""What the worker answers: probes, metrics, accounting, the stream, the page's headers."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from aiohttp import ClientResponse, ClientSession
from prometheus_client.parser import text_string_to_metric_families

from schemas.ingest import IngestProgress
from stream_app.delivery import PartitionStatus
from stream_app.delivery.rekey import RekeyStatus
from stream_app.reading.subscription import Message
from stream_app.web.page_files import POLICY
from stream_app.web.server import WebServer
from stream_app.web.stream import frame
from tests.unit.web_client import serving
from tests.unit.web_fakes import World, bearer, change, running


async def test_live_answers_always_and_ready_only_when_ready() -> None:
    world = World()
    world.partitions.status[2] = replace(running(2), phase="restoring", why="4 of 9 records")
    async with serving(world) as client:
        ready = await client.get("/ready")
        assert ready.status == 200
        world.readiness.reason = "Partition 2 is restoring."
        ready = await client.get("/ready")
        body = await ready.json()
        assert (ready.status, body["detail"], ready.content_type) == (
            503, "Partition 2 is restoring.", "application/problem+json",
        )  # fmt: skip
        assert body["partitions"][2] == {"partition": 2, "phase": "restoring", "why": "4 of 9 records"}
        assert (await client.get("/live")).status == 200


async def test_accounting_adds_up_per_source_partition() -> None:
    world = World(variables={"LEADSTREAM_ENGAGEMENT_TOPICS": "leadstream.engagement:keyed,web:any"})
    del world.partitions.status[3]
    world.ingest.held = [
        RekeyStatus("web", 0, "opening", "waits"),
        RekeyStatus("web", 7, "running", position=31, lag=4, progress=IngestProgress(8, 10, 15, 2, 4)),
    ]
    async with serving(world) as client:
        body = await (await client.get("/v1/accounting", headers=bearer())).json()
    assert [(row["role"], row["partition"]) for row in body["data"]] == [
        ("keyed", 0), ("keyed", 1), ("keyed", 2), ("any", 7),
    ]  # fmt: skip
    assert (body["data"][3]["rekeyed"], body["data"][3]["deadLetter"], body["data"][3]["lag"]) == (15, 2, 4)
    assert body["meta"]["ingest"] == [
        {"topic": "web", "partition": 0, "phase": "opening", "why": "waits", "lag": 0},
        {"topic": "web", "partition": 7, "phase": "running", "why": None, "lag": 4},
    ]
    for row in body["data"]:
        outcomes = ("applied", "duplicate", "noEffect", "rekeyed", "deadLetter", "gaps")
        assert row["to"] - row["from"] == sum(row[outcome] for outcome in outcomes)
    assert body["meta"]["partitionCount"] == 4
    assert [p["partition"] for p in body["meta"]["partitions"]] == [0, 1, 2]


async def test_metrics_are_read_at_scrape_time() -> None:
    world = World()
    world.sender.counters.capped, world.sender.counters.forgotten = 7, 2
    async with serving(world) as client:

        async def scrape() -> dict[tuple[str, tuple[str, ...]], float]:
            text = await (await client.get("/metrics", headers=bearer())).text()
            return {
                (sample.name, tuple(sorted(sample.labels.values()))): sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            }

        metrics = await scrape()
        assert metrics["leadstream_records_total", ("1", "applied", "leadstream.engagement")] == 20
        assert metrics["leadstream_partition_phase", ("0", "running")] == 1
        assert metrics["leadstream_rulebook_version", ("0",)] == 2
        assert metrics["leadstream_fenced_total", ()] == 1
        assert metrics["leadstream_rules_capped_total", ()] == 7
        assert metrics["leadstream_once_values_forgotten_total", ()] == 2
        assert metrics["process_cpu_seconds_total", ()] > 0
        world.partitions.status[0] = running(0, lag=77)
        world.partitions.status[1] = PartitionStatus(1, "stopped", "a bug")
        metrics = await scrape()
        assert metrics["leadstream_lag_records", ("0", "leadstream.engagement")] == 77
        assert metrics["leadstream_partition_phase", ("1", "stopped")] == 1
        assert ("leadstream_rulebook_version", ("1",)) not in metrics


def test_frame_cannot_be_broken_by_data() -> None:
    assert frame(Message("x", b'{"a":1,\n\r\n"b":2}', "7")) == b'id: 7\nevent: x\ndata: {"a":1,   "b":2}\n\n'


async def events(answer: ClientResponse, number: int) -> list[dict[str, str]]:
    """Read the stream up to a number of score changes."""
    found: list[dict[str, str]] = []
    async with asyncio.timeout(5):
        while len(found) < number:
            block = (await answer.content.readuntil(b"\n\n")).decode()
            fields = dict(line.split(": ", 1) for line in block.strip().split("\n"))
            if fields.get("event") == "score-changed":
                found.append(fields)
    return found


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1"])
async def test_stream_resumes_after_last_event_id(prefix: str) -> None:
    world = World()
    sent = [world.log.send(change("42", n)) for n in range(1, 4)]
    async with serving(world) as client:
        async with client.get(f"{prefix}/stream?last=400", headers=bearer()) as answer:
            assert answer.content_type == "text/event-stream"
            first = await events(answer, 3)
        assert [f["data"].encode() for f in first] == [p.value for p in sent]
        world.log.send(change("42", 4))
        headers = bearer(**{"Last-Event-ID": first[-1]["id"]})
        async with client.get(f"{prefix}/stream", headers=headers) as answer:
            [fourth] = await events(answer, 1)
        assert msgspec.json.decode(fourth["data"])["version"] == 4


async def test_stream_ends_when_the_client_goes() -> None:
    world = World()
    async with serving(world) as client:
        answer = await client.get("/v1/stream", headers=bearer())
        assert world.live.subscribers == 1
        answer.close()
        async with asyncio.timeout(5):
            while world.live.subscribers:
                await asyncio.sleep(0)
    assert world.log.feeds == 0


async def test_page_has_a_strict_policy() -> None:
    async with serving(World()) as client:
        for path in ("/", "/page/page.css", "/page/page.js"):
            answer = await client.get(path)
            assert answer.headers["Content-Security-Policy"] == POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        page = await (await client.get("/")).text()
        assert "://" not in page.replace("http://www.w3.org", "")
        assert "style=" not in page
        assert "onclick" not in page


async def test_server_answers_once_started_and_ends_streams_when_stopped() -> None:
    world = World()
    server = WebServer(world.app, "127.0.0.1", 0)
    await server.start()
    async with ClientSession() as session:
        assert (await session.get(f"{server.url}/live")).status == 200
        stream = await session.get(f"{server.url}/v1/stream", headers=bearer())
        assert stream.status == 200
        async with asyncio.timeout(5):
            await server.stop()
            text = await stream.text()
        assert "this worker stops" in text
        assert world.live.subscribers == 0
        with pytest.raises(RuntimeError):
            assert server.url
