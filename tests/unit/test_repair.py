"""`partition skip`: what may not be is refused before anybody is fenced, and what moved meanwhile after it."""

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from schemas.journal import PartitionRecord, SourceCounters
from stream_app.delivery import repair
from stream_app.delivery.errors import PartitionStopped
from stream_app.delivery.repair import skip
from stream_app.operations.command_line import COMMANDS, root


class World:
    """A partition that stands at an offset of a source that ends at another; `told` is what became of it."""

    def __init__(self, at: int, end: int) -> None:
        self.at, self.end, self.told = at, end, list[str]()

    async def record(self, *_: Any) -> PartitionRecord:
        counters = {"in": SourceCounters(start=0, applied=self.at)}
        return PartitionRecord(
            schema_version=1, store_id="s", sources={"in": self.at}, seq=3, rulebook_version=0, clock=0, newest={},
            counters=counters,
        )  # fmt: skip

    async def ends_at(self, *_: Any) -> int:
        return self.end

    def writer(self, *_: Any) -> Any:
        return SimpleNamespace(fence=self.fence, commit=self.commit, close=self.close)

    async def fence(self) -> None:
        self.told.append("fenced")

    async def commit(self, *_: Any) -> None:
        self.told.append("committed")

    async def close(self) -> None:
        self.told.append("closed")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(20, 33)
    monkeypatch.setattr(repair, "committed_record", made.record)
    monkeypatch.setattr(repair, "committed_end", made.ends_at)
    monkeypatch.setattr(repair, "TransactionalWriter", made.writer)
    return made


JOB: Any = SimpleNamespace(journal="journal")


@pytest.mark.parametrize(("source", "start", "end"), [("in", 21, 33), ("in", 20, 34), ("in", 20, 20), ("typo", 20, 33)])
async def test_only_a_skip_that_may_be_fences(world: World, source: str, start: int, end: int) -> None:
    with pytest.raises(PartitionStopped):
        await skip(JOB, 0, source, start, end)
    assert world.told == []


async def test_a_dry_run_of_a_skip_fences_nobody(world: World) -> None:
    assert (await skip(JOB, 0, "in", 20, 33, dry_run=True)).skipped == 13
    assert world.told == []


async def test_a_skip_is_checked_again_behind_the_fence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await skip(JOB, 0, "in", 20, 33)).counters["in"].gaps == 13
    assert world.told == ["fenced", "committed", "closed"]
    world.told.clear()

    async def fence_late() -> None:
        world.at = 25  # the owner had committed this before it was fenced
        world.told.append("fenced")

    monkeypatch.setattr(world, "fence", fence_late)
    with pytest.raises(PartitionStopped, match="stands at 25"):
        await skip(JOB, 0, "in", 20, 33)
    assert world.told == ["fenced", "closed"]


def test_a_partition_that_there_is_not_is_wrong_use() -> None:
    line = ["partition", "skip", "--partition", "99", "--topic", "in", "--from", "0", "--to", "1"]
    refused = CliRunner().invoke(root(COMMANDS), [*line, "--bootstrap-servers", "127.0.0.1:1"], input="n\n")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "there are 8 partitions" in refused.stderr


def test_the_question_of_a_skip_is_on_standard_error() -> None:
    line = ["partition", "skip", "--partition", "0", "--topic", "in", "--from", "0", "--to", "2"]
    refused = CliRunner().invoke(root(COMMANDS), [*line, "--bootstrap-servers", "127.0.0.1:1"], input="n\n")
    assert (refused.exit_code, "Skip" in refused.stdout) == (1, False)
    assert "Skip in-0 offsets 0 to 1 for ever?" in refused.stderr
