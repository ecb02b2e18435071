"""What authors say that acts by the clock: silence of a contact.

Laws: a day is 24 hours.  Source: contract section 2 "Rule", S37.
"""

from typing import Annotated, Final

from pydantic import Field

from schemas.strict import Authored

MAX_DAYS: Final = 36_500


class Inactivity(Authored):
    """A rule that pays when a contact was silent for ``days``, and with ``repeat`` again after each as many (S37)."""

    days: Annotated[int, Field(strict=True, ge=1, le=MAX_DAYS)]
    repeat: bool = False
