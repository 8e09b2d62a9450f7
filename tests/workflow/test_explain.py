"""What `make explain` says is behind a number of the smoke experiment."""

import csv
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from project import Project

pytestmark = pytest.mark.slow


def explain(project: Project, arguments: Sequence[str], *config: str) -> subprocess.CompletedProcess[str]:
    """Call the script as the Makefile does."""
    command = [sys.executable, "workflow_scripts/explain.py", *arguments, "--config", "experiment=smoke", *config]
    return subprocess.run(command, cwd=project.folder, capture_output=True, text=True, timeout=120, check=False)


def test_a_number_leads_to_its_runs_their_sources_and_its_data_rows(smoke: Project, tmp_path: Path) -> None:
    table = smoke.folder / "results/smoke/summary/table_4_1_main_results.csv"
    row = next(row for row in csv.DictReader(table.open()) if row["method"] == "kd1")
    rows = tmp_path / "rows.csv"
    result = explain(smoke, ["--table", "table_4_1_main_results", "--where", "method=kd1", "--rows", str(rows)])
    assert result.returncode == 0, result.stderr
    assert f"mean {float(row['mean'])}" in result.stdout
    # The mean can be computed again from the data rows alone.
    scores = pd.read_csv(rows)
    assert scores[scores.role == "student"].score.mean() == pytest.approx(float(row["mean"]), abs=1e-6)
    runs = set(scores.run_id)
    assert len(runs) == 3  # two seeds, and the teacher whose share is retained
    for run in runs:
        kind = "runs" if "kd1" in run else "predictions"
        manifest = json.loads((smoke.folder / f"results/{kind}/{run}/manifest.json").read_text())
        assert f"{kind}/{run}" in result.stdout
        assert f"digests: spec {manifest['digests']['spec']}, code {manifest['digests']['code']}" in result.stdout
        assert f"torch {manifest['versions']['torch']}" in result.stdout
    for found in ("source: path", "label_logits, shard 2 of 2", "rows: test 80"):
        assert found in result.stdout, found


def test_a_run_is_found_by_the_beginning_of_its_name(smoke: Project) -> None:
    result = explain(smoke, ["--run", "smoke-reviews.tiny-encoder.b0.s1"])
    assert result.returncode == 0, result.stderr
    assert "Behind it: 1 run\n" in result.stdout
    assert "method b0, seed 1" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "config", "message"),
    [
        ([], (), "name a table and its rows, or a run"),
        (["--table", "table_9"], (), "smoke: no table table_9; there are table_4_1_main_results"),
        (["--run", "nothing"], (), "smoke: no run begins with 'nothing'; there are smoke-reviews."),
        (["--table", "runs", "--where", "method=kd9"], (), "no row with method 'kd9'"),
        (
            ["--table", "runs"],
            ("results=elsewhere",),
            "is not there as the configuration asks now. Make it first: snakemake",
        ),
    ],
)
def test_what_cannot_be_explained_is_one_clear_line(
    smoke: Project, arguments: list[str], config: Sequence[str], message: str
) -> None:
    result = explain(smoke, arguments, *config)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
