"""A workflow of a few jobs that only pretend, watched as the project's own is, and called in a terminal or without one."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import NamedTuple

from screen import screen

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow_scripts"
WIDTH, HEIGHT = 120, 30

SNAKEFILE = """
import sys

sys.path.insert(0, {scripts!r})

from types import SimpleNamespace

from potstill.display.watch import Watch

PLAN = SimpleNamespace(
    finished=lambda: 1, planned=lambda: 4, is_made=lambda name: False, folder="results/x", failures=lambda: "THE MESSAGES"
)
{before}
WATCH = Watch(workflow, PLAN)

onerror:
    print("", WATCH.summary(), PLAN.failures(), sep="\\n", file=sys.stderr)

onsuccess:
    print("", WATCH.summary(), sep="\\n", file=sys.stderr)

rule all:
    input:
        expand("results/runs/sst2.{{run}}-0123456789.abcdef/manifest.json", run={names}),

rule train_student:
    output:
        update("results/runs/{{run}}/manifest.json"),
    log:
        "results/logs/train_student/{{run}}.log",
    shell:
        "{python} {job} --spec '{{{{}}}}' --output results/runs/{{wildcards.run}} 2>&1 | tee -i {{log}}"
"""

JOB = """
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, {scripts!r})

from potstill.errors import ConfigError
from potstill.progress import Progress, say
from potstill.stage import run


def main(stage):
    progress = Progress("step", 20, every=0)
    for step in range(20):
        time.sleep(0.1)
        progress.advance(1, 500, loss=1 / (1 + step), details=f"loss {{1 / (1 + step):.4f}}")
        if "bad" in stage.output.name and step == 10:
            raise ConfigError("no such teacher\\nname another one")
    say("saved")
    stage.output.mkdir(parents=True, exist_ok=True)
    (stage.output / "shell.txt").write_text(Path(f"/proc/{{os.getppid()}}/status").read_text())
    (stage.output / "manifest.json").write_text("")


run(main)
"""


class Seen(NamedTuple):
    """What a call left: its exit code, all that it wrote to the terminal, and what stands there at the end."""

    code: int
    drawn: str

    @property
    def lines(self) -> list[str]:
        return screen(self.drawn, WIDTH)

    def tables(self) -> list[list[str]]:
        """The screen at each moment at which a table was complete on it."""
        parts = self.drawn.split("\r\x1b[2K")
        return [screen("\r\x1b[2K".join(parts[:n]), WIDTH) for n in range(1, len(parts))]


class SmallWorkflow:
    """Two trainings called `names`; one whose name has `bad` in it fails. `before` runs before anything is watched."""

    def __init__(self, folder: Path, names: tuple[str, str] = ("a", "b"), before: str = "") -> None:
        self.folder = folder
        self.logs = folder / "results" / "logs" / "train_student"
        job = folder / "train_student.py"
        job.write_text(JOB.format(scripts=str(SCRIPTS)))
        text = SNAKEFILE.format(scripts=str(SCRIPTS), names=names, before=before, python=sys.executable, job=job)
        (folder / "Snakefile").write_text(text)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2", "--keep-going", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")}
        return {**kept, "TERM": "xterm-256color", **more}

    def without_terminal(self, *arguments: str) -> Seen:
        result = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return Seen(result.returncode, result.stdout + result.stderr)

    def in_terminal(self, *arguments: str, **environment: str) -> Seen:
        """Call Snakemake with a pseudo-terminal as its standard input, output and error."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        with subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            data = b"".join(iter(lambda: _read(ours), b""))
            os.close(ours)
        return Seen(process.returncode, data.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other end any more
        return b""
