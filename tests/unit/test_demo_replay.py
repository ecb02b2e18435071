"""Where a demo's replay goes on, and that two replays never have the same event ids."""

from pathlib import Path

import msgspec
import pytest

from stream_app.operations import dataset
from stream_app.operations.demo_replay import (
    PlaceUnreadable,
    Replayed,
    events_of,
    new_run,
    read_place,
    write_place,
)

REPLAYED = Replayed("127.0.0.1:9092", "leadstream.engagement", 20)


def test_a_replay_goes_on_at_its_place(tmp_path: Path) -> None:
    place = msgspec.structs.replace(new_run(REPLAYED), next=4200)
    write_place(tmp_path / "replay.json", place)
    assert read_place(tmp_path / "replay.json", REPLAYED) == place


@pytest.mark.parametrize("other", [Replayed("a:1", "leadstream.engagement", 20), Replayed("127.0.0.1:9092", "x", None)])
def test_another_replay_begins_with_a_run_of_its_own(tmp_path: Path, other: Replayed) -> None:
    place = msgspec.structs.replace(new_run(REPLAYED), next=4200)
    write_place(tmp_path / "replay.json", place)
    found = read_place(tmp_path / "replay.json", other)
    assert (found.replayed, found.next) == (other, 0)
    assert found.run != place.run


def test_a_place_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "replay.json").write_text('{"run": 1}')
    with pytest.raises(PlaceUnreadable, match="cannot be read"):
        read_place(tmp_path / "replay.json", REPLAYED)


def test_event_ids_carry_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(b"1:4", b'{"eventId":"cdnow-%d-0","x":"\\"eventId\\":\\"cdnow-"}' % line, line) for line in range(2, 6)]
    monkeypatch.setattr(dataset, "events", lambda _wheel, _customers: iter(rows))
    place = msgspec.structs.replace(new_run(REPLAYED), next=2)
    sent = list(events_of(Path("wheel"), place))
    assert [msgspec.json.decode(record.value or b"")["eventId"] for record in sent] == [
        f"cdnow-{place.run}-4-0", f"cdnow-{place.run}-5-0"
    ]  # fmt: skip
    assert {(record.topic, record.key) for record in sent} == {(REPLAYED.topic, b"1:4")}
