from hashlib import sha256

from schemas.events import Rejected
from stream_app.processing.dead_letters import dead_letter, redrives
from tests.scoring_kit import FakeRecord

BAD = Rejected("invalid_event", "no type")


def test_what_was_received_stays_untouched_and_reasons_follow() -> None:
    record = FakeRecord(1042, b"[]", b"k", headers=[("trace", b"1"), ("trace", None)])
    assert dead_letter("t", 3, record, BAD) == (
        b"k",
        b"[]",
        [
            ("trace", b"1"),
            ("trace", None),
            ("__streams.errors.topic", b"t"),
            ("__streams.errors.partition", b"3"),
            ("__streams.errors.offset", b"1042"),
            ("__streams.errors.exception", b"invalid_event"),
            ("__streams.errors.message", b"no type"),
            ("leadstream-reason", b"invalid_event"),
            ("leadstream-redrive-count", b"0"),
        ],
    )


def test_a_null_value_and_a_null_key_stay_null() -> None:
    assert dead_letter("t", 3, FakeRecord(1, None, None), BAD)[:2] == (None, None)


def test_a_too_large_value_is_cut_and_says_so() -> None:
    value = bytes(range(256)) * 1025
    key, kept, headers = dead_letter("t", 0, FakeRecord(1, value), Rejected("too_large", "m"))
    assert (key, kept) == (b"1:42", value[:65536])
    assert headers[-2:] == [
        ("leadstream-original-length", b"262400"),
        ("leadstream-original-sha256", sha256(value).hexdigest().encode()),
    ]


def test_the_redrive_count_is_carried_on() -> None:
    assert redrives([("leadstream-redrive-count", b"1"), ("leadstream-redrive-count", b"2")]) == 2
    for odd in (None, b"", b"x", b"-1", b"9" * 20, "²".encode()):
        assert redrives([("leadstream-redrive-count", odd)]) == 0
    record = FakeRecord(1, b"", headers=[("leadstream-redrive-count", b"4")])
    assert dead_letter("t", 0, record, BAD)[2][-1] == ("leadstream-redrive-count", b"4")
