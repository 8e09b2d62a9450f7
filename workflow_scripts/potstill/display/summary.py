"""After a call: what took how long, what was there already, what failed, and where to look."""

from collections.abc import Iterable
from itertools import groupby

from potstill.display.call import Call, Job
from potstill.progress import duration


def summary(call: Call, *, before: int, now: int, planned: int, report: str | None) -> str:
    """A few lines for a terminal; empty where no job was begun.

    Args:
        before: artefacts of the experiment that were there when the call began; `now`: when it ended.
        planned: all artefacts of the experiment.
        report: the experiment's report, where it is up to date.
    """
    over = sorted((job for job in call.jobs.values() if job.ended is not None), key=lambda job: job.rule)
    if not call.jobs:
        return ""
    failed, missing = len(call.failed()), planned - now
    head = f"{len(call.finished())} of {call.total} jobs done in {duration(call.clock() - call.begun)}"
    rows = [_row(rule, list(jobs)) for rule, jobs in groupby(over, key=lambda job: job.rule)]
    rows.sort(key=lambda row: -row[0])
    artefacts = f"artefacts: {before} of {planned} were there already, {now - before} new"
    return "\n".join(
        [
            head + (f", {failed} failed" if failed else ""),
            *_aligned(cells for _, cells in rows),
            artefacts + (f", {missing} still to be made" if missing else ""),
            *([f"report: {report}"] if report else []),
        ]
    )


def _row(rule: str, jobs: list[Job]) -> tuple[float, tuple[str, ...]]:
    """Seconds of all jobs of a rule together, and what is said of them."""
    seconds = [job.seconds(0) for job in jobs]
    longest = max(jobs, key=lambda job: job.seconds(0))
    cells = (rule, str(len(jobs)), duration(sum(seconds)))
    if len(jobs) > 1:
        return sum(seconds), (*cells, f"longest {duration(max(seconds))}: {longest.name}")
    return sum(seconds), (*cells, longest.name)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = [("", "jobs", "time", ""), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    return [
        f"  {rule:<{widths[0]}}  {count:>{widths[1]}}  {time:>{widths[2]}}  {more}".rstrip()
        for rule, count, time, more in table
    ]
