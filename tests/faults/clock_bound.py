"""How far the clock of a partition may have gone, said from the logs alone (S60).

Laws: never beyond wall time, which the batch's own journal record bounds; never ahead of unread input: of a source with
a record that no batch has read yet, not beyond the newest time read there or the time of that record.  A worker cannot
know of what came after its last fetch, so a record counts from its append on; where the sender gives the time, from
when the harness's producer must have delivered it.  What is finer than that is not judged.
"""

from tests.faults.logs import SOURCE_ROLES, Entry, Logs

SLACK_MS = 60_000  # clocks of two machines
HELD_MS = 180_000  # how long a producer of the harness may keep a record: its delivery.timeout.ms


class Unread:
    """What the batches of a partition have read of each source so far, and what is left."""

    def __init__(self, logs: Logs, partition: int) -> None:
        self.entries = {logs.topic(name): logs.of(logs.topic(name), partition) for name in SOURCE_ROLES}
        self.next = dict.fromkeys(self.entries, 0)
        self.newest = dict.fromkeys(self.entries, 0)

    def read(self, topic: str, end: int) -> None:
        """A batch has read a source up to an offset."""
        entries, at = self.entries.get(topic, []), self.next.get(topic, 0)
        while at < len(entries) and entries[at].offset < end:
            self.newest[topic] = max(self.newest[topic], entries[at].timestamp)
            at += 1
        self.next[topic] = at

    def bound(self, journal: Entry) -> tuple[int, str]:
        """The latest that the clock of a batch may be, told where it has got so far, and what bounds it."""
        bounds = [(journal.timestamp + SLACK_MS, "its journal record's append")]
        for topic, at in self.next.items():
            if at < len(self.entries[topic]):
                first = self.entries[topic][at]
                slack = SLACK_MS if first.appended else SLACK_MS + HELD_MS
                bounds.append((max(self.newest[topic], first.timestamp + slack), f"unread {topic} {first.offset}"))
        return min(bounds)
