from hashlib import blake2b

import pytest

from stream_app.scoring.dedupe import command_seen, id_hash, remember, remember_command, seen, segments_kept
from tests.scoring_kit import Fold, command, event, rulebook

OPEN = {"id": 1, "eventType": "email_open", "points": 1}


def test_a_hash_is_the_first_8_bytes_of_blake2b() -> None:
    assert id_hash("é") == blake2b("é".encode()).digest()[:8]


@pytest.mark.parametrize("window", [0, 1, 5, 16, 17, 40, 256])
def test_s4_the_window_is_exact(window: int) -> None:
    older, recent, segments = b"", b"", 0
    hashes = [id_hash(f"e{number}") for number in range(2 * window + 40)]
    for count, digest in enumerate(hashes, 1):
        older, recent, filled = remember(older, recent, digest, window)
        segments += filled
        assert len(older) <= segments_kept(window) * 128
        assert segments == count // 16
        known = [seen(older, recent, other, window) for other in hashes[:count]]
        assert known == [count - position <= window for position in range(count)]


def test_hashes_are_compared_at_whole_positions_only() -> None:
    hashes = b"abcdefgh" + b"ijklmnop" + b"mnopijkl"
    assert not command_seen(hashes, b"efghijkl")
    assert command_seen(hashes, b"ijklmnop")
    assert command_seen(b"efghxxxx" + b"xxxxefgh" + b"xxxxefgh"[4:] + b"xxxx", b"efghxxxx")
    assert not command_seen(b"xefghijk" + b"lxxxxxxx", b"efghijkl")
    assert not seen(b"xefghijk" + b"lxxxxxxx", b"", b"efghijkl", 256)


def test_s53_commands_are_remembered_256_long() -> None:
    commands = b""
    for number in range(300):
        commands = remember_command(commands, id_hash(f"c{number}"))
    assert len(commands) == 256 * 8
    assert command_seen(commands, id_hash("c299"))
    assert command_seen(commands, id_hash("c44"))
    assert not command_seen(commands, id_hash("c43"))


def test_s4_replayed_event_scores_once() -> None:
    fold = Fold(rulebook({**OPEN, "maxPerContact": 2}))
    before = fold.put(event("email_open", "a")).contact
    again = fold.put(event("email_open", "a"))
    assert (again.outcome, again.outputs, again.contact) == ("duplicate", (), before)
    fold.put(event("email_open", "b"))
    assert fold.score == 2


def test_s4_an_event_without_id_is_never_a_duplicate() -> None:
    fold = Fold(rulebook(OPEN))
    fold.put(event("email_open"))
    fold.put(event("email_open"))
    assert fold.score == 2


def test_s4_beyond_the_window_a_duplicate_counts_again() -> None:
    fold = Fold(rulebook(OPEN), window=3)
    for event_id in ("a", "b", "c"):
        fold.put(event("email_open", event_id))
    assert fold.put(event("email_open", "a")).outcome == "duplicate"
    fold.put(event("email_open", "d"))
    assert fold.put(event("email_open", "a")).outcome == "applied"


def test_d21_a_duplicate_does_not_renew_its_id() -> None:
    fold = Fold(rulebook(OPEN), window=2)
    for event_id in ("a", "b", "a", "c"):
        fold.put(event("email_open", event_id))
    assert fold.put(event("email_open", "a")).outcome == "applied"


def test_s53_events_do_not_push_commands_out() -> None:
    fold = Fold(rulebook(OPEN), window=3)
    fold.put(command("adjust", "c", amount=7))
    for number in range(300):
        fold.put(event("email_open", f"e{number}"))
    assert fold.put(command("adjust", "c", amount=7)).outcome == "duplicate"
    assert fold.score == 307
