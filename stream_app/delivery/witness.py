"""Committed offsets that are believed only beside a write of this moment (decision 0017).

Laws: a group coordinator that is started again may answer for a while out of a part of its log, with offsets of long
ago or with none; it notices when something is written to it.  So who depends on an offset first writes one that nobody
else reads, the witness, in a transaction of its own, and believes only an answer that shows this very write.
Writes and reads offsets of the job's group.
"""

import asyncio
import random
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aiokafka.errors import KafkaError  # pyright: ignore[reportMissingTypeStubs] untyped library

from stream_app.delivery.aiokafka_fetch import TopicPartition
from stream_app.delivery.stable_offsets import Committed, stable_offsets

TRIES: Final = 20
LONGEST_PAUSE_SECONDS: Final = 0.2


class GroupBehind(KafkaError):
    """The group's coordinator does not show what was written to it a moment ago: its offsets say nothing."""


async def attested_offsets(
    producer: Any, consumer: Any, group: str, witness: TopicPartition, asked: Mapping[str, Iterable[int]]
) -> Committed:
    """Return the committed offsets of topics and partitions as they are once all that is in the log counts.

    ``producer`` is transactional and has no open transaction; ``witness`` is none of ``asked``. Raises GroupBehind, and
    whatever aiokafka raises.  Whoever writes the same witness meanwhile makes it be written again.
    """
    places = {**asked, witness.topic: [witness.partition]}
    for _ in range(TRIES):
        mark = uuid.uuid4().hex
        end: int = (await consumer.end_offsets([witness]))[witness]  # no lag that a monitor could take for one
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({witness: (end, mark)}, group)
        await producer.commit_transaction()
        # INVARIANT: a_position_is_read_beside_a_write_of_this_moment
        shown = await stable_offsets(consumer, group, places)
        if shown.pop(witness, (0, ""))[1] == mark:
            return shown
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))  # noqa: S311 - out of step with another
    raise GroupBehind(f"the coordinator of group {group} does not show what is written to it")
