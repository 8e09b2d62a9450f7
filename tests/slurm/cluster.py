"""A real SLURM on this machine, Snakemake at work on it, and what tests ask of both."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from project import Project, Result

HERE = Path(__file__).parent
CONFIGURATION = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
COMMAND = ("--workflow-profile", "profiles/slurm", "--config", "experiment=cluster")


def why_not() -> str | None:
    """Why no cluster can be started here; None when one can."""
    if os.geteuid():
        return "starting SLURM needs root"
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        return f"{', '.join(missing)} missing: apt-get install munge slurmctld slurmd slurm-client"
    if CONFIGURATION.exists():
        return (
            f"{CONFIGURATION} is there: this host belongs to a cluster, or another test of one runs (to end it: "
            f"{HERE}/slurm-down.sh {CONFIGURATION.resolve().parents[1]})"
        )
    return None


def wait_for(what: str, find: Callable[[], Any], seconds: float = 180) -> Any:
    """The first true answer of `find`; fails when there is none for a long time."""
    end = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)
    return found


class Cluster:
    """Nodes cpu1, cpu2 and gpu1 (two pretended GPUs) of `slurm-up.sh`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def up(self) -> None:
        """Start whatever does not run."""
        self._run(HERE / "slurm-up.sh", self.folder)

    def down(self) -> None:
        """Cancel all jobs and stop all daemons."""
        self._run(HERE / "slurm-down.sh", self.folder)

    def queue(self) -> list[str]:
        """Numbers of the jobs that wait or run."""
        return self._run("squeue", "--noheader", "--format=%A").split()

    def job(self, number: str) -> dict[str, str]:
        """What SLURM knows of a job: JobState, NodeList, Restarts ..."""
        words = self._run("scontrol", "show", "job", number, "--oneliner").split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def limit(self, number: str, minutes: int) -> None:
        """Change a running job's time limit."""
        self._run("scontrol", "update", f"JobId={number}", f"TimeLimit={minutes}")

    def crash(self, number: str) -> str:
        """The node of a running job loses its power: what ran there is gone at once, and the controller notices."""
        node = self.job(number)["NodeList"]
        daemon = psutil.Process(int((self.folder / f"run/slurmd.{node}.pid").read_text()))
        steps = [p for p in psutil.process_iter() if " ".join(command(p)).startswith(f"slurmstepd: [{number}.")]
        for process in [daemon, *steps, *(child for step in steps for child in step.children(recursive=True))]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=crashed")
        return node

    def _run(self, *words: object) -> str:
        environment = os.environ | {"SLURM_CONF": str(self.folder / "etc/slurm.conf")}
        # Not into a pipe: daemons would keep it open.
        with open(self.folder / "output.txt", "w+") as stream:
            result = subprocess.run(
                [str(word) for word in words], env=environment, stdout=stream, stderr=stream, check=False
            )
            stream.seek(0)
            output = stream.read()
        assert result.returncode == 0, f"{words}: {output}"
        return output


class Call:
    """Snakemake at work on the cluster in the background, on all runs, with a checkpoint after each step."""

    def __init__(self, project: Project, *arguments: str, programs: Path | None = None) -> None:
        """`programs`: a folder whose programs Snakemake finds before all others."""
        self.project = project
        self._output = project.folder / "output.txt"
        path = [*([str(programs)] if programs else []), os.environ["PATH"]]
        with open(self._output, "w") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "snakemake", "--nocolor", "runs", *COMMAND, *arguments],
                cwd=project.folder,
                env=os.environ | {"POTSTILL_CHECKPOINT_SECONDS": "0", "PATH": os.pathsep.join(path)},
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, as in a terminal
            )

    def __enter__(self) -> "Call":
        return self

    def __exit__(self, *_: object) -> None:
        """What a test that failed leaves: the cluster's jobs go with the cluster."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def result(self) -> Result:
        """Wait for its end."""
        code = self.process.wait(timeout=300)
        return Result(code, self._output.read_text())

    def interrupt(self) -> Result:
        """Ctrl-C, to the whole process group as in a terminal; wait for the end."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.result()

    def training(self, run: Path) -> tuple[psutil.Process, str]:
        """Process and SLURM job of the training of `run` as soon as it has left a checkpoint; stopped there."""
        checkpoints = run.with_name(f".{run.name}.checkpoints")
        process = wait_for(f"a training of {run.name}", lambda: self._find(run))
        wait_for("a checkpoint", lambda: list(checkpoints.glob("step-*/manifest.json")))
        process.suspend()
        return process, process.environ()["SLURM_JOB_ID"]

    def _find(self, run: Path) -> psutil.Process | None:
        assert self.process.poll() is None, self._output.read_text()
        for process in psutil.process_iter():
            if command(process)[1:2] == ["workflow_scripts/train_student.py"] and run.name in " ".join(
                command(process)
            ):
                with contextlib.suppress(psutil.Error):
                    if Path(process.cwd()) == self.project.folder:
                        return process
        return None


def command(process: psutil.Process) -> list[str]:
    """A process's command line; empty for one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def was_warned(training: psutil.Process) -> bool:
    """Whether SIGUSR1 waits for a training that was stopped, or has already ended it."""
    try:
        lines = Path(f"/proc/{training.pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return True
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (signal.SIGUSR1 - 1) & 1 for mask in masks)
