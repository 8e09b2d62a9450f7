"""How far a job is, for a person who waits: lines, and the same numbers in a file for the live table."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_file: Path | None = None  # of this process' job


@dataclass(frozen=True)
class Numbers:
    """How far a job is: `what` is counted, such as `step`; `loss` is None where there is none."""

    what: str
    done: int
    total: int
    loss: float | None
    tokens_per_second: float
    seconds_left: float


class Progress:
    """Counts something towards a total, and says now and then where it is, how fast, and how long it will take.

    Changes no result.
    """

    def __init__(
        self,
        what: str,
        total: int,
        *,
        done: int = 0,
        tokens: int | None = None,
        every: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start counting.

        Args:
            what: is counted, such as `step`.
            done: what an earlier process did already.
            tokens: in all, where that is known; they measure the work that is left better than what is counted does.
            every: seconds between two lines.
        """
        self._what = what
        self._total = total
        self._done = self._first = done
        self._tokens = 0
        self._all_tokens = tokens
        self._every = every
        self._clock = clock
        self._start = self._said = clock()
        self._written = -1.0

    def advance(self, count: int, tokens: int, *, loss: float | None = None, details: str = "") -> None:
        """Report that `count` more are done, which had so many `tokens`; prints when it is time, or the end."""
        self._done += count
        self._tokens += tokens
        now = self._clock()
        seconds = max(now - self._start, 1e-9)
        speed = self._tokens / seconds
        left = self._seconds_left(seconds)
        if _file and (self._written < 0 or now - self._written >= 1 or self._done >= self._total):
            self._written = now
            _write(_file, Numbers(self._what, self._done, self._total, loss, speed, left))
        if self._done < self._total and now - self._said < self._every:
            return
        self._said = now
        parts = [details] if details else []
        parts += [f"{speed:,.0f} tokens/s", f"{duration(left)} left" if left else f"took {duration(seconds)}"]
        say(f"{self._what} {self._done}/{self._total}: {', '.join(parts)}")

    def _seconds_left(self, seconds: float) -> float:
        if self._done >= self._total:
            return 0.0
        if self._all_tokens and self._tokens:
            return seconds * max(self._all_tokens - self._tokens, 0) / self._tokens
        return seconds * (self._total - self._done) / max(self._done - self._first, 1)


@contextlib.contextmanager
def shown_in(file: Path | None) -> Iterator[None]:
    """While the block runs, this process' job writes how far it is into `file`, which is gone afterwards.

    Of several processes that torch's launcher started the first one does.
    """
    global _file
    if os.environ.get("RANK", "0") != "0":
        file = None
    _file = file
    try:
        yield
    finally:
        _file = None
        if file is not None:
            remove(file)


def read(file: Path) -> Numbers | None:
    """What a job wrote last; None when it wrote nothing."""
    try:
        return Numbers(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remove(file: Path) -> None:
    """Remove a job's file, and the folder when it was the last one."""
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
        file.parent.rmdir()


def say(line: str) -> None:
    """Tell a person something, at once."""
    print(line, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Such as 45 s, 3 min 5 s, 2 h 7 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _write(file: Path, numbers: Numbers) -> None:
    # No reader ever sees half of it; a full disk must not stop a job for the sake of a display.
    new = file.with_suffix(".new")
    with contextlib.suppress(OSError):
        file.parent.mkdir(exist_ok=True)
        new.write_text(json.dumps(asdict(numbers)), encoding="utf-8")
        os.replace(new, file)
