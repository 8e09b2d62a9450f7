"""What a look at one thing of this machine found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's screen.

    Attributes:
        subject: what was looked at.
        state: `problem` is what would stop the workflow; a `note` may matter to some.
        found: what is there.
        cure: what to do about it.
    """

    subject: str
    state: State
    found: str
    cure: str = ""
