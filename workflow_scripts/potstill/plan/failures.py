"""What went wrong in this call, once for each cause: the last thing that a person who waited for hours should read."""

from collections.abc import Mapping
from pathlib import Path

from potstill.jobs import without_prefixes

TRACEBACK = "Traceback (most recent call last):"


def log_times(logs: Path) -> dict[Path, int]:
    """When each log was written last (nanoseconds): what a call finds there at its start is of earlier calls."""
    return {path: path.stat().st_mtime_ns for path in logs.glob("*/*.log")}


def failures(logs: Path, before: Mapping[Path, int]) -> dict[str, list[str]]:
    """Message -> the jobs that failed with it, from the logs of jobs.

    Args:
        logs: the folder `logs` of the results: `<rule>/<artefact>.log`.
        before: their times at the start of the call. Compared for equality alone: clocks jump, and a server has its own.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(logs.glob("*/*.log")):
        if path.stat().st_mtime_ns != before.get(path) and (message := failure(path)):
            found.setdefault(message, []).append(f"{path.parent.name} {path.stem}")
    return found


def describe(found: dict[str, list[str]]) -> str:
    """The failures in lines for a terminal; empty for none."""
    lines = []
    for message, jobs in found.items():
        more = f" and {len(jobs) - 1} more with the same message" if len(jobs) > 1 else ""
        lines += [f"failed: {jobs[0]}{more}", *(f"    {line}" for line in message.splitlines())]
    return "\n".join(lines)


def failure(log: Path) -> str:
    """What a failed job said last: its `error:` message, or the end of a traceback; empty for a job that did not fail."""
    lines = without_prefixes(log.read_text(encoding="utf-8", errors="replace")).splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    if starts:
        return "\n".join(lines[starts[-1] :])
    if TRACEBACK in lines:
        return f"{lines[-1]}\n(nothing that Potstill foresaw; the whole log: {log})"
    return ""
