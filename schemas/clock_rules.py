"""What authors say that acts by the clock: silence of a contact, decay of a score.

Laws: a day is 24 hours.  Source: contract section 2 "Rule" and "Profile", S37, S38, decision 0015.
"""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from schemas.conditions import Said
from schemas.strict import Authored

MAX_DAYS: Final = 36_500


Days = Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]


class Inactivity(Authored):
    """A rule that pays when a contact was silent for ``days``, and with ``repeat`` again after each as many (S37)."""

    days: Days
    repeat: bool = False


class Decay(Authored):
    """How a score is lost with time (S38): by half in each ``half_life_days``, or in a line to 0.

    The line loses ``percent`` of the award in each ``period_days``.
    """

    half_life_days: Said[Days] = None
    percent: Said[Annotated[int, Field(strict=True, ge=1, le=100)]] = None
    period_days: Said[Days] = None

    @model_validator(mode="after")
    def says_one_kind(self) -> Self:
        """Refuse what is neither a half-life nor a line, or both."""
        line = (self.percent is not None, self.period_days is not None)
        if line != ((self.half_life_days is None),) * 2:
            raise ValueError("decay has halfLifeDays, or percent and periodDays")
        return self
