"""Real orders become events: which act becomes which event, in time order, the same bytes each time."""

import json
import zipfile
from pathlib import Path

import pytest

from stream_app.operations import dataset
from stream_app.processing.placement import partition_of
from tests.faults import reference_codec as oracle

HEADER = " customer_id  date number_of_cds  dollar_value"
LINES = [
    HEADER,
    " 00001 19970101  1   11.77",
    " 00002 19970112  1   12.00",
    " 00002 19970112  5   77.00",
    " 00003 19970102  2   20.76",
    " 00003 19970330  2  120.00",
    " 00004 19970101  1    0.00",
]


def events_of(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(value) for _, value, _ in dataset.order_events(dataset.orders(lines))]


def types_of(*lines: str) -> list[object]:
    return [event["type"] for event in events_of([HEADER, *lines])]


def test_the_first_order_onboards_and_a_later_one_comes_back() -> None:
    visit = ["page_visit", "form_submit", "email_delivered"]
    assert types_of(" 00001 19970101  1   11.77") == [*visit, "custom_event"]
    again = events_of([HEADER, " 00001 19970101  1   11.77", " 00001 19970102  1   11.77"])[4:]
    assert [event["type"] for event in again] == [*visit, "email_open", "email_click"]
    assert again[-1]["properties"] == {"mail": "offer", "url": "https://example.com/music"}


def test_large_orders_ask_for_pricing_and_a_demo() -> None:
    found = events_of([HEADER, " 00001 19970101  4  100.00"])
    by_type = {event["type"]: event["properties"] for event in found}
    assert by_type["email_click"] == {"mail": "offer", "url": "https://example.com/pricing"}
    assert by_type["tag_added"] == {"tagName": "demo-requested"}
    assert by_type["form_submit"] == {"form": "checkout", "cds": 4, "cents": 10_000}
    assert by_type["custom_event"] == {"name": "completed_onboarding"}


def test_an_order_for_nothing_is_a_download() -> None:
    assert types_of(" 00004 19970101  1    0.00")[-1] == "asset_download"


def test_events_are_in_time_order_on_the_day_of_the_order() -> None:
    found = list(dataset.order_events(dataset.orders(LINES)))
    times = [at for _, _, at in found]
    assert times == sorted(times)
    days = [json.loads(value)["occurredAt"][:10] for _, value, _ in found]
    assert sorted(set(days)) == ["1997-01-01", "1997-01-02", "1997-01-12", "1997-03-30"]


def test_ids_name_the_line_and_never_repeat() -> None:
    ids = [event["eventId"] for event in events_of(LINES)]
    assert ids[0] == "cdnow-2-0" and len(set(ids)) == len(ids)
    assert events_of(LINES) == events_of(LINES)


def test_events_fit_the_contract() -> None:
    for key, value, at in dataset.order_events(dataset.orders(LINES)):
        place = partition_of(key, 8)
        found = oracle.decode(oracle.Record("engagement", "t", place, 0, 1_772_000_000_000, key, value), 8)
        assert isinstance(found, dict) and found["at"] == at


@pytest.mark.parametrize("lines", [[], ["id,date"], [HEADER, " 00001 19970101  1"], [HEADER, " 1 19970101 one 2.00"]])
def test_a_file_of_another_shape_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"expected|unpack|invalid"):
        list(dataset.orders(lines))


def test_a_wheel_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / dataset.WHEEL, "w") as archive:
        archive.writestr(dataset.MEMBER, "\r\n".join(LINES))
    assert not dataset.pinned(tmp_path / dataset.WHEEL)
    with pytest.raises(dataset.DatasetUnavailable, match="not the pinned"):
        dataset.events(tmp_path / dataset.WHEEL)


def test_a_failed_download_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(dataset.DatasetUnavailable, match=r"could not download Lifetimes==0\.11\.3"):
        dataset.fetch(tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
