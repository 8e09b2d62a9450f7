"""Snakemake on a machine with two (pretended) GPUs keeps both busy and gives none to two jobs; without GPUs it counts none.

The project's own rules, plan and lease; the training itself is replaced by one that notes which device it had.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from project import Project
from test_invalidation import FAKE

pytestmark = pytest.mark.slow

# As `train_student.py`, but for what is done. Several of them append whole lines to one file.
NOTING_STAGE = """
import os, time
from potstill import artefacts
from potstill.stage import run

def note(what):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(f"{time.monotonic()} {what} {os.getpid()} {os.environ.get('CUDA_VISIBLE_DEVICES', '-')}\\n")

def main(stage):
    note("take")
    time.sleep(1.5)
    with artefacts.writing(stage.output, spec=stage.spec) as folder:
        (folder / "nothing").write_text("")
    note("leave")

if __name__ == "__main__":
    run(main, on_device=True)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Everything that a training needs looks finished."""
    project = Project.copy(tmp_path / "project")
    (project.folder / "workflow_scripts/train_student.py").write_text(NOTING_STAGE, encoding="utf-8")
    subprocess.run([sys.executable, "-c", FAKE, "smoke"], cwd=project.folder, check=True)
    for marker in (project.folder / "results/runs").glob("*/manifest.json"):
        marker.unlink()
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("POTSTILL_LEASES", str(tmp_path / "leases"))
    return project


def train(project, *arguments):
    result = project.snakemake("runs", "--config", "experiment=smoke", *arguments, cores=8)
    return result, Path(os.environ["NOTES"])


def at_work(notes):
    """How many jobs were at work after each change, and the devices they had; no device may be held by two."""
    holders: dict[str, str] = {}
    counts, devices = [], set()
    events = sorted(line.split() for line in notes.read_text().splitlines())
    for _, what, pid, device in sorted(events, key=lambda event: float(event[0])):
        if what == "take":
            assert device == "-" or device not in holders.values()
            holders[pid] = device
            devices.add(device)
        else:
            del holders[pid]
        counts.append(len(holders))
    return counts, devices


def test_both_gpus_are_kept_busy_and_never_shared(project, monkeypatch):
    monkeypatch.setenv("POTSTILL_DEVICES", "0,1")
    result, notes = train(project)
    assert result.code == 0, result.output
    counts, devices = at_work(notes)
    assert (len(counts), max(counts), devices) == (2 * 9, 2, {"0", "1"})  # the teacher's fit, then eight students
    assert counts.count(2) >= 3  # four pairs, unless the machine has other work
    assert "waiting for" not in result.output  # no more jobs were started than there are GPUs


def test_one_gpu_that_is_left_to_others_stays_free(project, monkeypatch):
    monkeypatch.setenv("POTSTILL_DEVICES", "0,1")
    result, notes = train(project, "--resources", "gpu=1")
    assert result.code == 0, result.output
    assert at_work(notes) == ([1, 0] * 9, {"0"})


def test_without_a_gpu_all_cores_train(project, monkeypatch):
    monkeypatch.setenv("POTSTILL_DEVICES", "")
    result, notes = train(project)
    assert result.code == 0, result.output
    counts, devices = at_work(notes)
    assert (max(counts) > 2, devices) == (True, {"-"})


def test_a_run_on_more_devices_than_there_are_is_refused(project, monkeypatch):
    monkeypatch.setenv("POTSTILL_DEVICES", "0")
    project.replace("config/experiments/smoke.yaml", "training: {epochs: 1,", "training: {devices: 2, epochs: 1,")
    result, notes = train(project)
    assert result.code == 1
    assert "error: 2 devices are asked for, but this job was given 1" in result.output
    assert not notes.exists()
