"""What can end a batch or a partition: closed reasons, not strings to guess at."""

from aiokafka.errors import InvalidProducerEpoch, ProducerFenced  # pyright: ignore[reportMissingTypeStubs] untyped library


class ChainBroken(Exception):
    """A take does not start where the previous one of its source ended: something between broker and us was dropped."""


class PartitionStopped(Exception):
    """A partition must not go on by itself; ``repair`` names the command or the act that lets it."""

    def __init__(self, why: str, repair: str) -> None:
        super().__init__(f"{why}; {repair}")
        self.why = why
        self.repair = repair


class HandlerFailed(PartitionStopped):
    """The handler raised: a bug, not bad data; the position is named (delivery law 9)."""


def fenced(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, says that another producer owns the transactional id."""
    while error is not None:
        if isinstance(error, ProducerFenced | InvalidProducerEpoch):
            return True
        error = error.__cause__ or error.__context__
    return False
