"""What Snakemake does in this call, as facts: followed through its structured log events."""

import contextlib
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill import progress
from potstill.artefacts import MANIFEST
from potstill.jobs import job_name, progress_file

SCRIPTS = Path(__file__).resolve().parents[2]  # a rule has the name of its stage script; a target has none
FOLDERS = (MANIFEST, ".parquet")  # ends of files that stand for the folder they lie in


@dataclass
class Job:
    """One job of this call; `ended` is None while it runs, or waits in a cluster's queue."""

    name: str
    rule: str
    output: Path
    logs: tuple[str, ...]
    begun: float
    ended: float | None = None
    failed: bool = False

    def seconds(self, now: float) -> float:
        """Wall time so far, or in all; on a cluster with the time in the queue."""
        return (self.ended or now) - self.begun

    def numbers(self) -> progress.Numbers | None:
        """How far it is, where it says so."""
        file = progress_file(self.output)
        return progress.read(file) if file else None

    def forget_numbers(self) -> None:
        """Remove what it, or an earlier attempt that was killed, said of how far it is."""
        if file := progress_file(self.output):
            progress.remove(file)


class Call(logging.Handler):
    """Listens to Snakemake's logger; targets, which make nothing, are no jobs."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self.begun = clock()
        self.total = 0
        self.jobs: dict[int, Job] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of one event; whatever goes wrong here must not stop a job."""
        with contextlib.suppress(Exception):
            self._note(str(getattr(record, "event", None)), record)

    def running(self) -> list[Job]:
        """Jobs at work, the oldest first."""
        return [job for job in list(self.jobs.values()) if job.ended is None]

    def finished(self) -> list[Job]:
        """Jobs that made what they should."""
        return [job for job in list(self.jobs.values()) if job.ended is not None and not job.failed]

    def failed(self) -> list[Job]:
        """Jobs whose last attempt failed."""
        return [job for job in list(self.jobs.values()) if job.failed]

    def _note(self, event: str, record: Any) -> None:
        if event == "run_info":
            self.total = sum(count for rule, count in record.stats.items() if (SCRIPTS / f"{rule}.py").exists())
            self.begun = self.clock()
        elif event == "job_info" and record.output:
            output = Path(re.sub(r" \([a-z, ]+\)$", "", record.output[0]))  # `update(...)` is told like this
            output = output.parent if output.name.endswith(FOLDERS) else output
            job = Job(job_name(record.rule_name, output), record.rule_name, output, tuple(record.log), self.clock())
            job.forget_numbers()
            self.jobs[record.jobid] = job
        elif event in ("job_finished", "job_error"):
            job = self.jobs[record.job_id if event == "job_finished" else record.jobid]
            job.ended = self.clock()
            job.failed = event == "job_error"
            job.forget_numbers()
