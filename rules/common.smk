# The plan, read once for all rules. No other logic lives in the rules.

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir, "workflow_scripts")))

from potstill.cluster_jobs import cancel_left_jobs
from potstill.devices.visible import visible_devices
from potstill.display.watch import Watch
from potstill.jobs import SHELL_PREFIX
from potstill.plan.at_work import announce
from potstill.plan.plan import make_plan
from potstill.stage import explain_errors
from potstill.version_gate import refuse_unsafe

# Jobs call `python`: the one that runs Snakemake, whether or not its environment was activated. Large blocks of memory
# are kept for the next step of a training instead of given back to the system: a tenth of a small student's step (glibc).
os.environ.update(
    PATH=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    ),
    MALLOC_MMAP_THRESHOLD_=str(2**30),
    MALLOC_TRIM_THRESHOLD_=str(2**32),
    MALLOC_TOP_PAD_=str(2**28),
)

# A batch system announces the end of a job by SIGUSR1 or SIGTERM to all its processes. What lies between it and a training
# (this Snakemake, bash, tee) must outlive the training's checkpoint; what is ignored here is ignored there.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
shell.prefix(SHELL_PREFIX)


MAKES_FILES = workflow.is_main_process and not workflow.output_settings.dryrun

with explain_errors():
    refuse_unsafe()
    if MAKES_FILES and (said := announce(Path(".snakemake"))):
        print(said, file=sys.stderr)
    PLAN = make_plan(
        Path(workflow.basedir),
        config,
        probe=MAKES_FILES,
    )
    PLAN.mark_due()
    if MAKES_FILES:
        PLAN.begin()


# For the commands in messages of jobs.
os.environ.update(POTSTILL_CALL=PLAN.call())

# Not `workflow.cores`, which is an error in calls without --cores, such as --unlock. On a cluster 1: a job there was given
# what the main process counted, which has no cores, and must not count its node's.
ALL_CORES = (workflow.is_main_process and workflow.resource_settings.cores) or 1

# All outputs are `update(...)`, which Snakemake does not wipe before a job: another call with the same results may have
# made them meanwhile, and its jobs read them. A failed job has nothing to be restored, and that is no news.
logger.addFilter(lambda record: not str(record.msg).startswith("Cannot restore "))


# As many jobs at once as this machine has GPUs (each takes one of its own, potstill/devices/lease.py); without any GPU
# nothing is counted. On a cluster (a call without --cores) the scheduler counts, and this may be a login node with a GPU.
resource_scopes:
    gpu="local",


if workflow.is_main_process and workflow.resource_settings.cores and visible_devices():
    workflow.global_resources.setdefault("gpu", len(visible_devices()))


# What a person sees meanwhile: a live table in a terminal.
WATCH = Watch(workflow, PLAN)


# Snakemake's own account of failed jobs is long: their messages once more, last.
onerror:
    cancel_left_jobs(workflow)
    print("", WATCH.summary(), PLAN.failures(), sep="\n", file=sys.stderr)
    PLAN.remember_rates()


# How fast jobs were is kept beside the results, for the next estimate.
onsuccess:
    print("", WATCH.summary(), sep="\n", file=sys.stderr)
    PLAN.remember_rates()


pathvars:
    results=PLAN.results,


# Progress of every job goes to the terminal and to its log; `pipefail` (Snakemake's default) keeps the exit code.
wildcard_constraints:
    experiment=PLAN.experiment,
