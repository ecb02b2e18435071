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
    others = ((topic, end) for topic, end in ends.items() if topic != reading)
    return min([wall, *(newest.get(topic, 0) if end is None else end for topic, end in others)])


def after(clock: int, newest: Mapping[str, int], ends: Mapping[str, int | None], wall: int) -> int:
    """Return the clock when nothing more is being read: wall time if every source is at its end, else the slowest."""
    # INVARIANT: the_clock_never_goes_back_across_owners
    behind = [newest.get(topic, 0) for topic, end in ends.items() if end is None]
    return max(clock, min([wall, *(behind or (end for end in ends.values() if end is not None))]))
