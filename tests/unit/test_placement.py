from aiokafka.partitioner import murmur2 as kafkas_murmur2
from hypothesis import given
from hypothesis import strategies as st

from stream_app.processing.placement import murmur2, partition_of


@given(st.binary(max_size=40))
def test_murmur2_is_kafkas(data: bytes) -> None:
    assert murmur2(data) == kafkas_murmur2(data) & 0xFFFFFFFF


def test_partitions_of_known_keys() -> None:
    assert murmur2(b"21") & 0xFFFFFFFF == -973932308 & 0xFFFFFFFF
    assert {partition_of(f"1:{number}".encode(), 3) for number in range(50)} == {0, 1, 2}
