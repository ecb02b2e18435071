"""What ``decide`` answers: everything that should happen, and nothing of it done."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from schemas.events import Rejected
from schemas.outputs import ScoreChanged, ThresholdCrossed
from stream_app.scoring.contact import Contact


class Erased(msgspec.Struct, frozen=True):
    """All of the contact is to be deleted; on score-changed a tombstone under its key (S52)."""


Outcome = Literal["applied", "duplicate", "no_effect", "rejected"]


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The fate of one input.

    ``applied``: at least one output, or tags, e-mail or attributes changed.  ``no_effect``: accepted otherwise;
    the contact exists from then on, the id is remembered and times move.  ``duplicate``: the id was remembered, nothing
    changes.  ``rejected``: ``rejected`` says why, nothing changes and nothing is remembered (D21).
    ``contact`` is the one after the input, None when there is none; ``capped`` counts rules that matched in vain (S12).
    """

    outcome: Outcome
    contact: Contact | None
    outputs: Sequence[ScoreChanged | ThresholdCrossed | Erased] = ()
    capped: int = 0
    rejected: Rejected | None = None
