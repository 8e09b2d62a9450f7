"""The workflow on a real SLURM: what a cluster gives, and what it takes away."""

import contextlib
import re
import shutil
from pathlib import Path

import pandas as pd
import psutil
import pytest
from cluster import Call, Cluster, wait_for, was_warned
from potstill import artefacts
from project import Project, Result

pytestmark = pytest.mark.slow

LOCAL = {"fetch_model", "fetch_dataset", "prepare_task", "collect_runs", "collect_benchmarks", "collect_costs"}
LOCAL |= {"compare", "analyse_errors", "write_table", "draw_figure", "write_model_cards", "write_report"}
SUBMITTED = {"train_student", "capture_targets", "predict_teacher", "benchmark_model"}

# There are two nodes of them: where one crashes, the other is left.
ON_CPUS = ("--set-resources", "train_student:gpu=0")


def run_of(project: Project, method: str) -> Path:
    (found,) = (project.folder / "results/runs").glob(f"*.{method}.*")
    return found


def log_of(run: Path) -> Path:
    return run.parents[1] / f"logs/train_student/{run.name}.log"


def content(run: Path) -> dict[str, str]:
    """Digests of all files that do not hold times."""
    files = artefacts.verify(run)["files"]
    return {name: entry["sha256"] for name, entry in files.items() if name != "run.json"}


@pytest.fixture
def unfinished(finished: tuple[Project, Result], tmp_path: Path) -> tuple[Project, Path, dict[str, str]]:
    """The finished project without one run; the run, and what it held."""
    project = Project.copy(tmp_path, finished[0].folder, results=True)
    run = run_of(project, "b0")
    before = content(run)
    shutil.rmtree(run)
    return project, run, before


def test_the_experiment_runs_to_its_end_and_cheap_rules_stay_where_snakemake_runs(
    finished: tuple[Project, Result],
) -> None:
    project, result = finished
    assert set(result.jobs()) == LOCAL | SUBMITTED
    assert set(re.findall(r"slurm_logs/rule_(\w+)/", result.output)) == SUBMITTED
    assert (project.folder / "results/cluster/report.html").exists()
    assert set(pd.read_parquet(project.folder / "results/cluster/collected/runs.parquet").method) >= {"b0", "kd1"}


def test_a_job_has_the_device_that_slurm_gave_it(finished: tuple[Project, Result]) -> None:
    records = [path for path in (finished[0].folder / "spy").iterdir() if path.suffix != ".py"]
    devices: dict[str, set[str]] = {rule: set() for rule in SUBMITTED}
    for path in records:
        devices[path.stem].add(path.read_text())
    assert devices["train_student"] <= {"0", "1"}, "by `gpu: 1`"
    assert devices["capture_targets"] <= {"0", "1"}, "by `gres`"
    assert devices["train_student"]
    assert devices["capture_targets"]
    assert devices["predict_teacher"] == devices["benchmark_model"] == {""}


def test_a_job_over_its_memory_is_submitted_again_with_more(finished: tuple[Project, Result]) -> None:
    output = finished[1].output
    assert re.findall(r"^rule predict_teacher:.*?mem_mb=(\d+)", output, flags=re.MULTILINE | re.DOTALL) == [
        "300",
        "1200",
    ]


def test_a_measurement_has_the_cores_that_it_measures(finished: tuple[Project, Result]) -> None:
    asked = re.findall(r"^rule benchmark_model:.*?threads: (\d+)", finished[1].output, flags=re.MULTILINE | re.DOTALL)
    assert asked == ["2", "2"]


def test_a_training_at_its_time_limit_is_warned_and_submitted_again_and_ends_with_the_same_bytes(
    cluster: Cluster, unfinished: tuple[Project, Path, dict[str, str]]
) -> None:
    project, run, before = unfinished
    with Call(project) as call:
        training, job = call.training(run)
        cluster.limit(job, minutes=2)
        wait_for("the warning", lambda: was_warned(training))
        with contextlib.suppress(psutil.NoSuchProcess):
            training.resume()
        result = call.result()
    assert result.code == 0, result.output
    # The job's own log got its last words: whatever lies between SLURM and the training was still there.
    assert "error: SIGUSR1: stopped after step" in result.output
    assert cluster.job(job)["JobState"] == "FAILED", "it ended before SLURM would have ended it"
    assert "goes on after step" in log_of(run).read_text()
    assert content(run) == before


def test_ctrl_c_cancels_the_jobs_and_the_next_call_goes_on_even_when_a_node_goes_down(
    cluster: Cluster, unfinished: tuple[Project, Path, dict[str, str]]
) -> None:
    project, run, before = unfinished
    with Call(project, *ON_CPUS) as call:
        # Still suspended, or it might end first: cancelling wakes it (SIGCONT) to tell it to stop (SIGTERM).
        _, job = call.training(run)
        assert call.interrupt().code != 0
    wait_for("an empty queue", lambda: not cluster.queue())
    assert cluster.job(job)["JobState"] == "CANCELLED"
    assert "error: SIGTERM: stopped after step" in log_of(run).read_text()

    with Call(project, *ON_CPUS) as call:
        _, job = call.training(run)
        node = cluster.crash(job)
        result = call.result()
    cluster.up()
    assert result.code == 0, result.output
    again = cluster.job(job)
    assert (again["JobState"], again["Restarts"]) == ("COMPLETED", "1")
    assert again["NodeList"] != node
    assert content(run) == before


def test_ctrl_c_while_slurm_is_asked_how_the_jobs_are_cancels_them_too(
    cluster: Cluster, unfinished: tuple[Project, Path, dict[str, str]], tmp_path: Path
) -> None:
    """Snakemake has them on no list in that moment."""
    project, run, _ = unfinished
    asking = tmp_path / "programs/squeue"
    asking.parent.mkdir()
    asking.write_text(f'#!/bin/sh\ntouch "$0.asked"\nsleep 5\nexec {shutil.which("squeue")} "$@"\n')
    asking.chmod(0o755)
    with Call(project, *ON_CPUS, programs=asking.parent) as call:
        _, job = call.training(run)
        asked = asking.with_name("squeue.asked")
        asked.unlink(missing_ok=True)
        wait_for("a question", asked.exists)
        assert call.interrupt().code != 0
    wait_for("an empty queue", lambda: not cluster.queue())
    assert cluster.job(job)["JobState"] == "CANCELLED"
