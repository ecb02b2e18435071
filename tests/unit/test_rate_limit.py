"""Token buckets: rate, burst, bounded memory."""

from stream_app.web.rate_limit import RateLimit, peer_name


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_two_seconds_worth_at_once_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(10, now=clock)
    assert [limit.wait("a") for _ in range(20)] == [0.0] * 20
    assert 0 < limit.wait("a") <= 0.1
    clock.at += 0.1
    assert limit.wait("a") == 0.0
    assert limit.wait("a") > 0
    clock.at += 1000
    assert [limit.wait("a") == 0.0 for _ in range(21)] == [True] * 20 + [False]


def test_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    limit = RateLimit(1, now=clock)
    for _ in range(100):
        limit.wait("a")
    clock.at += 1
    assert limit.wait("a") == 0.0


def test_names_do_not_share() -> None:
    limit = RateLimit(1, now=Clock())
    assert [limit.wait("a") == 0.0 for _ in range(3)] == [True, True, False]
    assert limit.wait("b") == 0.0


def test_a_flood_of_names_takes_bounded_memory_and_the_busy_stay_known() -> None:
    limit = RateLimit(1, most=100, now=Clock())
    limit.wait("busy")
    for number in range(10_000):
        limit.wait(str(number))
        if number % 50 == 0:
            limit.wait("busy")
    assert len(limit) == 100
    assert limit.wait("busy") > 0


def test_an_ipv6_network_is_one_peer() -> None:
    assert peer_name("2001:db8:1:2:3::4") == peer_name("2001:db8:1:2::5") != peer_name("2001:db8:1:3::5")
    assert peer_name("10.0.0.1") != peer_name("10.0.0.2")
    assert peer_name(None) == "" and peer_name("unix") == "unix"
