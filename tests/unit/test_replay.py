"""Where a record goes, and when it is due."""

import pytest

from stream_app.operations.replay import Pace, partition_of

JAVA = [  # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "murmur2"), JAVA)
@pytest.mark.parametrize("partitions", [1, 7, 8, 1000])
def test_partitions_are_those_of_the_java_client(key: bytes, murmur2: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2 & 0x7FFFFFFF) % partitions


def test_a_record_without_key_goes_to_the_first_partition() -> None:
    assert partition_of(None, 8) == 0


@pytest.mark.parametrize(
    ("pace", "due"),
    [(Pace(), 0.0), (Pace(per_second=50), 2.0), (Pace(times_original=60), 1.0), (Pace(times_original=0.5), 120.0)],
)
def test_when_the_hundredth_record_is_due_a_minute_after_the_first(pace: Pace, due: float) -> None:
    assert pace.due_seconds(100, 60_000) == due


@pytest.mark.parametrize("speeds", [{"per_second": 0}, {"times_original": -1}, {"per_second": 1, "times_original": 1}])
def test_a_pace_is_one_speed_above_zero(speeds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="one speed above 0"):
        Pace(**speeds)
