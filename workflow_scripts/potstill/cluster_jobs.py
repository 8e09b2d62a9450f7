"""Jobs that a cluster still has when the call that submitted them ends."""

import contextlib
import subprocess
import sys
from typing import Any

PATIENCE = 60  # seconds, as Snakemake's executor has


def cancel_left_jobs(workflow: Any) -> None:
    """Cancel the SLURM jobs of this call that nobody waits for any more: after Ctrl-C, or when its executor failed.

    Snakemake cancels those that it has on its list, but takes them off while it asks SLURM how they are
    (`RemoteExecutor._wait_for_jobs` in snakemake-interface-executor-plugins 9.4). All jobs of a call bear the name of its run.

    Args:
        workflow: Snakemake's, in whose scheduler another executor than SLURM's has no run.
    """
    run = getattr(getattr(workflow.scheduler, "_executor", None), "run_uuid", None)
    if run is None:
        return
    result = None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        result = subprocess.run(["scancel", f"--name={run}"], capture_output=True, text=True, timeout=PATIENCE)
    if result is None or result.returncode:
        said = result.stderr.strip() if result else "no answer"
        print(f"note: jobs may be left on the cluster ({said}): scancel --name={run}", file=sys.stderr)
