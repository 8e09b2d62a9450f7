"""What a job is called where a person reads of it, and that name in front of every line it prints.

Several jobs print to one terminal; a line must say whose it is.
"""

import contextlib
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

ARTEFACT = re.compile(r"(?P<slug>.+)-[0-9a-f]{6,}\.[0-9a-f]{6,}")  # <slug>-<spec digest>.<code digest>
# What the shell of a job does first. A batch system announces the end of a job by SIGTERM to all its processes: the shell and
# what it starts must outlive a training's checkpoint.
SHELL_PREFIX = "set -euo pipefail; trap '' TERM; "
PREFIX = re.compile(r"^\w+ \S+ \| ?", flags=re.MULTILINE)


def job_name(rule: str, output: Path) -> str:
    """Such as `train sst2.minilm.kd1.T2_a0.5.s42`, `draw fig_4_5_kd_gain`, `collect runs`, `compare demo`.

    Args:
        rule: the rule, whose stage script has the same name.
        output: what the job makes: an artefact's folder, a file, or the folder of an experiment's product.
    """
    verb, _, thing = rule.partition("_")
    if artefact := ARTEFACT.fullmatch(output.name):
        return f"{verb} {artefact['slug']}"
    return f"{verb} {output.stem if thing in ('figure', 'table') else thing or output.parent.name}"


def progress_file(output: Path) -> Path | None:
    """Where the job that makes an artefact writes how far it is: `<results>/.progress/`; None for any other output."""
    if not ARTEFACT.fullmatch(output.name):
        return None
    return output.parent.parent / ".progress" / f"{output.parent.name}.{output.name}.json"


def without_prefixes(text: str) -> str:
    """A job's log as the job said it."""
    return PREFIX.sub("", text)


@contextlib.contextmanager
def prefixed_output(name: str) -> Iterator[None]:
    """While the block runs, every line that Python code prints begins with `<name> | `; so does a traceback that ends it.

    Raises:
        SystemExit: with code 1, where anything but a `SystemExit` would have left the block.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (PrefixedStream(stream, f"{name} | ") for stream in streams)
    try:
        yield
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.close()
        sys.stdout, sys.stderr = streams


class PrefixedStream:
    """A text stream that puts something in front of each line, and writes only whole lines.

    Of a line that is written over again and again (`\\r`), as libraries' progress bars are, it shows the state every
    `every` seconds. A reader that is gone (`tee`, when everything is told to stop) is no reason to stop.
    """

    def __init__(
        self, stream: TextIO, prefix: str, every: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._prefix = prefix
        self._every = every
        self._clock = clock
        self._shown = clock()
        self._begun = ""

    def write(self, text: str) -> int:
        """Take some text; what is not yet a line waits."""
        *lines, self._begun = re.split(r"(?<=[\r\n])", (self._begun + text).replace("\r\n", "\n"))
        for line in lines:
            if line.endswith("\n") or (line.strip() and self._clock() - self._shown >= self._every):
                self._shown = self._clock()
                self._print(line)
        return len(text)

    def flush(self) -> None:
        """Pass on to the reader what is written."""
        with contextlib.suppress(BrokenPipeError):
            self._stream.flush()

    def close(self) -> None:
        """Write what waits, and leave the stream itself open."""
        if self._begun.strip():
            self._print(self._begun)
        self._begun = ""
        self.flush()

    def _print(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stream.write(f"{self._prefix}{line.rstrip()}".rstrip() + "\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
