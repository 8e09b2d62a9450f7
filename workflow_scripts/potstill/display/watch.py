"""Attaches what a person sees to Snakemake's logger: a live table where that can be drawn, its own messages elsewhere.

Not a logger plugin: a plugin must be an installed package, and a call from a fresh clone must work without one.
"""

import contextlib
import os
import sys
from typing import Any

from potstill.display.call import Call
from potstill.display.summary import summary
from potstill.plan.plan import Plan


class Watch:
    """What a person sees of one call."""

    def __init__(self, workflow: Any, plan: Plan) -> None:
        """Listen to `workflow`, a `snakemake.workflow.Workflow`; jobs that a cluster runs are watched by who submits them."""
        self._plan = plan
        self._before = 0
        self._call = Call()
        self._table: Any = None
        if not workflow.is_main_process or workflow.output_settings.dryrun:
            return
        self._before = plan.finished()
        logger = workflow.logger_manager.logger
        logger.addHandler(self._call)
        with contextlib.suppress(Exception):
            plain = next(handler for handler in logger.handlers if handler.name == "DefaultStreamHandler")
            if os.environ.get("NO_COLOR"):
                plain.nocolor = True
            if _can_draw(workflow.output_settings):
                self._draw(logger, plain, workflow.output_settings)

    def summary(self) -> str:
        """The end of a call, in lines for a terminal; ends the live table. Empty where it cannot be told."""
        if self._table:
            self._table.close()
        with contextlib.suppress(Exception):
            return self._summary()
        return ""

    def _summary(self) -> str:
        report = f"{self._plan.folder}/report.html" if self._plan.is_made("report") else None
        before, now, planned = self._before, self._plan.finished(), self._plan.planned()
        return summary(self._call, before=before, now=now, planned=planned, report=report)

    def _draw(self, logger: Any, plain: Any, settings: Any) -> None:
        from rich.console import Console  # here: most calls have no use for it

        from potstill.display.live import LiveTable

        console = Console(stderr=True, no_color=True if plain.nocolor else None, highlight=False)
        if console.is_interactive:
            self._table = LiveTable(self._call, logger, plain, console, settings.show_failed_logs)


def _can_draw(settings: Any) -> bool:
    """Whether there is a terminal, and nobody asked for what Snakemake itself says (`-p`, `--verbose`, `--quiet` ...)."""
    asked = (settings.verbose, settings.debug_dag, settings.printshellcmds, settings.quiet, settings.stdout)
    return sys.stderr.isatty() and not any(asked)
