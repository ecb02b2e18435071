"""The clock of a partition (S60): pure arithmetic over what has been read.

Laws: it never runs ahead of unread input nor of wall time (a sender's clock may be wrong), and never goes back; every
move is in the journal, so a replay has the same.
"""

from collections.abc import Mapping


def ceiling(newest: Mapping[str, int], ends: Mapping[str, int | None], reading: str, wall: int) -> int:
    """Return how far the records of ``reading`` may move the clock: the slowest other source, never beyond ``wall``.

    ``newest`` maps source to the newest timestamp read there; ``ends`` to when it was last read to its end, None while
    it has unread input.  A source of which nothing was read yet holds the clock at 0, one that does not answer where
    it stood.
    """
    return min([wall, *(_known(newest, topic, end) for topic, end in ends.items() if topic != reading)])


def after(clock: int, newest: Mapping[str, int], ends: Mapping[str, int | None], wall: int) -> int:
    """Return the clock when nothing more is being read: how far the slowest source is known, never beyond ``wall``."""
    # INVARIANT: the_clock_never_goes_back_across_owners
    return max(clock, min([wall, *(_known(newest, topic, end) for topic, end in ends.items())]))


def _known(newest: Mapping[str, int], topic: str, end: int | None) -> int:
    """Return up to when a source is known: its newest record read while it has unread input, else when it answered."""
    return newest.get(topic, 0) if end is None else end
