"""How far a pass over examples is, for a person who waits."""

import time


class Progress:
    """Prints a line every few seconds: examples and tokens done, speed, time left.

    Tokens measure the work, because batches differ in length.
    """

    def __init__(self, what: str, examples: int, tokens: int, *, every_seconds: float = 5.0) -> None:
        self.what = what
        self.examples = examples
        self.tokens = tokens
        self.every_seconds = every_seconds
        self.done_examples = 0
        self.done_tokens = 0
        self.started = self.shown = time.monotonic()

    def update(self, examples: int, tokens: int) -> None:
        """Count what is done, and print when it is time or the end."""
        self.done_examples += examples
        self.done_tokens += tokens
        now = time.monotonic()
        finished = self.done_examples >= self.examples
        if not finished and now - self.shown < self.every_seconds:
            return
        self.shown = now
        seconds = max(now - self.started, 1e-9)
        speed = self.done_tokens / seconds
        rest = f"took {duration(seconds)}" if finished else f"{duration((self.tokens - self.done_tokens) / speed)} left"
        print(f"{self.what}: {self.done_examples}/{self.examples} examples, {speed:,.0f} tokens/s, {rest}", flush=True)


def duration(seconds: float) -> str:
    """Such as 45 s, 3 min 5 s, 2 h 7 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
