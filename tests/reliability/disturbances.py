"""Real processes, disturbed: single stages started from a parent that has their imports, and whole calls of Snakemake."""

import contextlib
import importlib
import os
import random
import shlex
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.append(str(Path(__file__).resolve().parents[2] / "workflow_scripts"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "workflow"))

from potstill import faults
from project import Project

# What a kill -9 can be forced at: each of these is inside the writing of a checkpoint, an artefact or a record.
STAGE_FAULTS = [point for point in faults.POINTS if not point.startswith(("text", "replace"))]
CALL_FAULTS = [point for point in faults.POINTS if point != "files"]


@dataclass(frozen=True)
class Disturbance:
    """What is done to a process, and when.

    Attributes:
        signal: the signal's name.
        fault: POTSTILL_FAULT of a kill -9 that is forced inside a write; empty for one at a moment.
        moment: 0 to 1, a part of the time that an undisturbed run takes.
        whom: of a call of Snakemake: all, snakemake, or one (any process of it).
    """

    signal: str
    fault: str = ""
    moment: float = 0.0
    whom: str = "all"

    @property
    def number(self) -> signal.Signals:
        return signal.Signals[self.signal]


@dataclass
class Stage:
    """One stage script with its command line, run in `folder`."""

    script: str
    arguments: list[str]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, log: Path, journal: Path, fault: str = "") -> int:
        """Fork a process that runs the stage's `main` as the script would; returns its id.

        The parent has imported the libraries: a start takes milliseconds instead of seconds. Steps and batches that are
        done are counted in `journal`, by observers that change nothing.
        """
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            os.setsid()
            os.chdir(self.folder)
            os.environ.update(self.environment, POTSTILL_FAULT=fault)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            _observe(os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND))
            from potstill import stage

            sys.argv = [self.script, *self.arguments, "--threads", "1"]
            stage.run(importlib.import_module(self.script.removesuffix(".py")).main)
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def run(self, log: Path, journal: Path, disturbance: Disturbance | None = None, seconds: float = 0.0) -> int:
        """Run it, disturbed or not; returns its exit code, or minus the signal that it died of."""
        pid = self.start(log, journal, disturbance.fault if disturbance else "")
        if disturbance and not disturbance.fault:
            ends = time.monotonic() + disturbance.moment * seconds
            while time.monotonic() < ends:
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    return os.waitstatus_to_exitcode(status)
                time.sleep(0.002)
            os.kill(pid, disturbance.number)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def preload() -> None:
    """Import what stages import, so that forked ones need not; nothing is computed here, so no threads are started."""
    import peft  # noqa: F401
    import torch

    for name in ("capture_targets", "predict_teacher", "train_student"):
        importlib.import_module(name)
    for name in ("targets.capture", "targets.read", "targets.generations", "evaluation.predict", "training.trainer"):
        importlib.import_module(f"potstill.{name}")
    for name in ("training.card", "models.directory", "provenance", "methods.kd1", "methods.kd2", "methods.b0"):
        importlib.import_module(f"potstill.{name}")
    from transformers import AutoTokenizer, LlamaForCausalLM  # noqa: F401

    assert torch.get_num_threads() >= 1


def _observe(journal: int) -> None:
    """Write one letter for each step and each batch that is done."""
    from potstill.models.finished_batches import FinishedBatches
    from potstill.training.trainer import Trainer

    step, add = Trainer.step, FinishedBatches.add

    def counted_step(self):
        step(self)
        os.write(journal, b"s")

    def counted_add(self, *arguments):
        os.write(journal, b"b")
        add(self, *arguments)

    Trainer.step, FinishedBatches.add = counted_step, counted_add


def stages(project: Project, experiment: str) -> dict[str, Stage]:
    """The long jobs of an experiment as the plan has them, and one that draws its answers at random; by name."""
    from potstill.plan.plan import make_plan
    from potstill.plan.read import read_yaml

    here = os.getcwd()
    os.chdir(project.folder)
    try:
        plan = make_plan(Path(), read_yaml(Path("config/config.yaml")) | {"experiment": experiment}, probe=False)
        found = {}
        for kind, script in (("runs", "train_student.py"), ("targets", "capture_targets.py")):
            for name in plan.graph.nodes[kind]:
                arguments = shlex.split(plan.arguments(kind, name))
                found[f"{kind}/{name}"] = Stage(script, arguments, project.folder)
    finally:
        os.chdir(here)
    generations = next(name for name in found if ".generations" in name)
    arguments = [
        text.replace('"temperature":0.0', '"temperature":1.0') if text.startswith("{") else text
        for text in found[generations].arguments
    ]
    assert arguments != found[generations].arguments
    sampled = found[generations].arguments[-1].replace(".generations", ".sampled")
    found[f"targets/{Path(sampled).name}"] = Stage("capture_targets.py", [*arguments[:-1], sampled], project.folder)
    return found


def call_snakemake(
    project: Project, experiment: str, log: Path, disturbance: Disturbance | None = None, seconds: float = 0.0
) -> tuple[int, bool]:
    """One call of Snakemake, in a session of its own as a terminal's; returns its exit code and whether it was hit."""
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--cores", "2", "all", "--config"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
    environment |= {"POTSTILL_CHECKPOINT_SECONDS": "0", "POTSTILL_FAULT": disturbance.fault if disturbance else ""}
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [*command, f"experiment={experiment}"],
            cwd=project.folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    hit = False
    if disturbance and not disturbance.fault:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(disturbance.moment * seconds)
        if process.poll() is None:
            _strike(process, disturbance)
            hit = True
    code = process.wait()
    if disturbance and disturbance.fault:
        hit = code != 0
    return code, hit


def _strike(process: subprocess.Popen[bytes], disturbance: Disturbance) -> None:
    if disturbance.whom == "all":
        os.killpg(process.pid, disturbance.number)
        return
    victims = [psutil.Process(process.pid)]
    if disturbance.whom == "one":
        victims += victims[0].children(recursive=True)
    with contextlib.suppress(psutil.NoSuchProcess):
        random.Random(repr(disturbance)).choice(victims).send_signal(disturbance.number)


def wait_for_orphans(session: Path) -> None:
    """Wait until no process works in this folder any more: a killed Snakemake's jobs go on by themselves."""
    while any(_is_in(process, session) for process in psutil.process_iter()):
        time.sleep(0.1)


def _is_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.pid != os.getpid() and Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False
