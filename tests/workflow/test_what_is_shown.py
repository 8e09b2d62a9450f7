"""What a person sees of the smoke experiment: whose each line is, and the summary at the end."""

import re
import shutil
from pathlib import Path

import pytest
from potstill.jobs import PREFIX
from project import Project

pytestmark = pytest.mark.slow


def test_every_line_of_every_job_says_whose_it_is(smoke: Project) -> None:
    logs = sorted((smoke.folder / "results/logs").glob("*/*.log"))
    lines = [(log, line) for log in logs for line in log.read_text().splitlines()]
    assert {log.parent.name for log, _ in lines} >= {"prepare_task", "train_student", "capture_targets", "write_report"}
    assert not [(log.name, line) for log, line in lines if not PREFIX.match(line)]
    trained = [line for log, line in lines if log.parent.name == "train_student"]
    assert any(re.match(r"train \S+ \| step \d+/\d+: loss \d.*, [\d,]+ tokens/s, ", line) for line in trained)
    assert not (smoke.folder / "results/.progress").exists()


def test_the_summary_counts_what_the_plan_holds(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    artefacts = list((project.folder / "results").glob("*/*/manifest.json"))
    shutil.rmtree(next((project.folder / "results/examples").iterdir()))
    result = project.snakemake("examples", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    summary = result.output[result.output.index("1 of 1 jobs done in") :].splitlines()
    assert re.fullmatch(r"  prepare_task +1 +\d+ s  prepare smoke-reviews", summary[2])
    assert summary[3] == f"artefacts: {len(artefacts) - 1} of {len(artefacts)} were there already, 1 new"
    assert summary[4] == "report: results/smoke/report.html"
