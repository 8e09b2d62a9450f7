"""In a terminal: a table of the running jobs, kept up to date, and above it one line for each job that is over.

It stands in the place of Snakemake's own messages, which go on to `.snakemake/log/` as ever; jobs' lines go to their logs
alone. Whatever goes wrong here ends the display, never the call: what was there before it takes over.
"""

import contextlib
import logging
import sys
import threading
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from snakemake.shell import shell

from potstill.display.call import Call, Job
from potstill.jobs import SHELL_PREFIX
from potstill.plan.failures import failure
from potstill.progress import duration

# Of no use to a person who sees the table.
ROUTINE_EVENTS = {"job_info", "job_started", "job_finished", "progress", "shellcmd", "resources_info"}
ROUTINE_MESSAGES = ("Select jobs to execute", "Execute ")
BAR_WIDTH = 16


class LiveTable(logging.Handler):
    """Takes the place of `plain`, Snakemake's handler for the terminal, in its logger.

    Args:
        call: what the table shows; listens to the same logger, before this handler.
        show_logs: whether a failed job's whole log is shown, not only its message (`--show-failed-logs`).
    """

    def __init__(self, call: Call, logger: logging.Logger, plain: Any, console: Console, show_logs: bool) -> None:
        super().__init__()
        self._call = call
        self._logger = logger
        self._plain = plain
        self._console = console
        self._show_logs = show_logs
        self._live: Live | None = None
        self._over = threading.Event()
        self._logger.removeHandler(plain)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Show one event."""
        try:
            self._show(str(getattr(record, "event", None)), record)
        except Exception:
            self.give_up()
            self._plain.handle(record)

    def close(self) -> None:
        """Remove the table, and give the terminal back to Snakemake and the jobs."""
        with contextlib.suppress(Exception):
            self._stop()
        super().close()

    def give_up(self) -> None:
        """Stop for good: Snakemake's own messages from here on."""
        self.close()
        self._logger.removeHandler(self)
        if self._plain not in self._logger.handlers:
            self._logger.addHandler(self._plain)

    def _show(self, event: str, record: Any) -> None:
        if self._live is None or self._over.is_set():
            self._plain.handle(record)
            if event == "run_info" and not self._over.is_set():
                self._start()
        elif event == "job_finished" and (job := self._call.jobs.get(record.job_id)):
            self._print(Text.assemble(("done: ", "green"), job.name, f", {duration(job.seconds(self._call.clock()))}"))
        elif event == "job_error" and (job := self._call.jobs.get(record.jobid)):
            self._print(self._failure(job, record.rule_msg))
        elif not _is_routine(event, record) and self._plain.filter(record) and (text := self._plain.format(record)):
            self._print(Text.from_ansi(self._plain.decorate(record, text)))

    def _failure(self, job: Job, message: str | None) -> Text:
        text = Text.assemble(("failed: ", "bold red"), (job.name, "bold"), f" (log: {', '.join(job.logs)})")
        lines = [message] if message else []
        for log in (Path(log) for log in job.logs):
            if log.exists():
                said = log.read_text(encoding="utf-8", errors="replace") if self._show_logs else failure(log)
                lines += said.splitlines()
        return text.append("".join(f"\n    {line}" for line in lines))

    def _print(self, text: Text) -> None:
        if self._live:
            self._live.refresh()  # printing repeats the table as it was drawn last
        self._console.print(text, soft_wrap=True)

    def _start(self) -> None:
        self._live = Live(console=self._console, get_renderable=self._table, transient=True, auto_refresh=False)
        self._live.start()
        threading.Thread(target=self._refresh, daemon=True).start()
        if sys.stdout.isatty():
            shell.prefix(f"{SHELL_PREFIX}exec >/dev/null; ")  # jobs' lines would tear the table

    def _stop(self) -> None:
        if self._live is None or self._over.is_set():
            return
        self._over.set()
        shell.prefix(SHELL_PREFIX)
        self._live.stop()

    def _refresh(self) -> None:
        while not self._over.wait(0.5):
            try:
                if self._live:
                    self._live.refresh()
            except Exception:
                self.give_up()

    def _table(self) -> Group:
        running, now = self._call.running(), self._call.clock()
        room = max(self._console.height - 4, 1)
        table = Table(box=None, header_style="dim", pad_edge=False, expand=False)
        table.add_column("running", no_wrap=True, overflow="ellipsis", ratio=1, min_width=12)
        for name in ("", "", "loss", "tokens/s", "left", "time"):
            table.add_column(name, no_wrap=True, justify="right")
        for job in running[:room]:
            table.add_row(*_cells(job, now))
        more = [Text(f"and {len(running) - room} more", style="dim")] if len(running) > room else []
        return Group(*([table] if running else []), *more, self._overall(len(running), now))

    def _overall(self, running: int, now: float) -> Text:
        failed = len(self._call.failed())
        text = Text(f"{len(self._call.finished())} of {self._call.total} jobs done", style="bold")
        if failed:
            text.append(f", {failed} failed", style="red")
        return text.append(f", {running} running, {duration(now - self._call.begun)}")


def _is_routine(event: str, record: logging.LogRecord) -> bool:
    """Whether the table says it already; the command of a failed job is in its error message twice."""
    said = record.getMessage()
    return event in ROUTINE_EVENTS or said.startswith(ROUTINE_MESSAGES) or "CalledProcessError" in said


def _cells(job: Job, now: float) -> tuple[Any, ...]:
    numbers, time = job.numbers(), duration(job.seconds(now))
    if numbers is None:
        return (job.name, "", "", "", "", "", time)
    return (
        job.name,
        ProgressBar(total=max(numbers.total, 1), completed=numbers.done, width=BAR_WIDTH),
        f"{numbers.what} {numbers.done}/{numbers.total}",
        "" if numbers.loss is None else f"{numbers.loss:.4f}",
        f"{numbers.tokens_per_second:,.0f}",
        duration(numbers.seconds_left),
        time,
    )
