"""What is asked of SLURM when a call ends before its jobs; with a real SLURM: tests/slurm."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from potstill.cluster_jobs import cancel_left_jobs


def call_with(executor: object) -> SimpleNamespace:
    return SimpleNamespace(scheduler=SimpleNamespace(_executor=executor))


@pytest.fixture
def scancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that writes down what it is told, and ends as `ends` beside it says."""
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "scancel"
    program.write_text('#!/bin/sh\necho "$*" >> "$0.told"\necho "no controller" >&2\n[ ! -e "$0.fails" ]\n')
    program.chmod(0o755)
    return program


def told(program: Path) -> list[str]:
    log = program.with_name("scancel.told")
    return log.read_text().splitlines() if log.exists() else []


def test_all_jobs_of_the_call_are_cancelled_by_its_name(scancel: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cancel_left_jobs(call_with(SimpleNamespace(run_uuid="abc-1")))
    assert told(scancel) == ["--name=abc-1"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("workflow", [call_with(object()), SimpleNamespace(scheduler=None)])
def test_a_call_without_slurm_cancels_nothing(scancel: Path, workflow: SimpleNamespace) -> None:
    cancel_left_jobs(workflow)
    assert told(scancel) == []


def test_a_person_is_told_how_where_slurm_refuses_or_is_not_there(
    scancel: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scancel.with_name("scancel.fails").touch()
    cancel_left_jobs(call_with(SimpleNamespace(run_uuid="abc-1")))
    assert capsys.readouterr().err == ("note: jobs may be left on the cluster (no controller): scancel --name=abc-1\n")
    scancel.unlink()
    cancel_left_jobs(call_with(SimpleNamespace(run_uuid="abc-1")))
    assert "jobs may be left on the cluster (no answer): scancel --name=abc-1" in capsys.readouterr().err
