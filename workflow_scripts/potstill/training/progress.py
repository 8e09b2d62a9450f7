"""One readable line now and then: where a training is, how it goes, and how long it will take."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from potstill.models.progress import duration


class Progress:
    """Prints plain lines, which read the same in a terminal and in a log file. Changes no result."""

    def __init__(
        self, every: float = 10.0, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """A line at most each `every` seconds to `out` (standard error)."""
        self._every = every
        self._out = out or sys.stderr
        self._clock = clock
        self._start = self._last = clock()
        self._examples = 0

    def step(
        self, step: int, total: int, epoch: float, examples: int, loss: float, terms: Mapping[str, float], rate: float
    ) -> None:
        """Report that `step` of `total` steps are done, the last one with so many examples."""
        self._examples += examples
        now = self._clock()
        if step < total and now - self._last < self._every:
            return
        self._last = now
        elapsed = max(now - self._start, 1e-9)
        # A term without a unit in this step has no mean.
        parts = ", ".join(f"{name} {value:.4f}" for name, value in terms.items() if not math.isnan(value))
        self.say(
            f"step {step}/{total}, epoch {epoch:.2f}: loss {loss:.4f} ({parts}), learning rate {rate:.2e}, "
            f"{self._examples / elapsed:.1f} examples/s, {duration(elapsed / step * (total - step))} left"
        )

    def validation(self, step: int, loss: float, score: float) -> None:
        """Report a validation."""
        accuracy = "" if score != score else f", accuracy {100 * score:.1f} %"
        self.say(f"step {step}: validation loss {loss:.4f}{accuracy}")

    def say(self, line: str) -> None:
        """Print a line at once; a reader that is gone (`tee`, when everything is told to stop) is no reason to stop."""
        with contextlib.suppress(BrokenPipeError):
            print(line, file=self._out, flush=True)
