"""The smoke students on another task than their own, end to end: nothing is trained, and every score is that of the model."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from potstill import artefacts
from project import Project

pytestmark = pytest.mark.slow

# One seed and two methods of the finished smoke experiment, on other test sentences.
EXPERIMENT = """
extends: smoke
title: Smoke test, other sentences
tasks: {smoke-reviews: {also_evaluate_on: [smoke-opinions]}}
methods: {kd1: {temperature: 1}, kd3: null}
seeds: [0]
"""
TABLE, FIGURE = "summary/table_4_7_out_of_domain", "figures/fig_4_13_transfer"


@pytest.fixture(scope="module")
def further(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project.copy(tmp_path_factory.mktemp("further"), smoke.folder, results=True)
    (project.folder / "config/experiments/further.yaml").write_text(EXPERIMENT)
    targets = [f"results/further/{file}" for file in (f"{TABLE}.csv", f"{FIGURE}.png")]
    result = project.snakemake(*targets, "--config", "experiment=further")
    assert result.jobs() == {
        "prepare_task": 1, "predict_teacher": 3, "collect_runs": 1, "collect_transfer": 1, "write_table": 1, "draw_figure": 1,
    }  # fmt: skip
    return project


def test_every_model_has_a_score_on_the_other_task(further: Project) -> None:
    folder = further.folder / "results/further"
    table = pd.read_csv(folder / f"{TABLE}.csv")
    assert table.test_task.tolist() == ["smoke-reviews"] * 3 + ["smoke-opinions"] * 3
    assert table.method.tolist() == ["teacher", "b0", "kd1"] * 2
    assert table.n.tolist() == [80] * 3 + [40] * 3
    own = pd.read_parquet(folder / "collected/runs.parquet").set_index("method").test_score
    assert table.own_mean.tolist() == pytest.approx([own[method] for method in table.method])
    assert "toprule" in (folder / f"{TABLE}.tex").read_text()
    with Image.open(folder / f"{FIGURE}.png") as image:
        assert min(image.size) > 250


def test_a_students_answers_are_those_of_its_weights(further: Project) -> None:
    """Against transformers alone, from the run's folder and the prepared sentences."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    (folder,) = (further.folder / "results/predictions").glob("*.b0.s0.on.smoke-opinions-*")
    run = further.folder / "results/runs" / artefacts.read_manifest(folder)["teacher"]
    assert run.name.startswith("smoke-reviews.tiny-encoder.b0.s0-")
    (examples,) = (further.folder / "results/examples").glob("smoke-opinions-*")
    sentences = pd.read_parquet(examples / "test.parquet")
    assert sentences.text.str.startswith("they say that ").all()
    tokenizer = AutoTokenizer.from_pretrained(run / "student")
    model = AutoModelForSequenceClassification.from_pretrained(run / "student").eval()
    with torch.inference_mode():
        logits = model(**tokenizer(sentences.text.tolist(), padding=True, return_tensors="pt")).logits
    answers = pd.read_parquet(folder / "predictions.parquet").set_index("example_id").loc[sentences.example_id]
    torch.testing.assert_close(torch.tensor(np.stack(answers.logits)), logits, rtol=1e-4, atol=1e-5)
    assert answers.label.tolist() == logits.argmax(dim=1).tolist()


def test_a_second_call_asks_nobody_again(further: Project) -> None:
    result = further.snakemake("-n", f"results/further/{TABLE}.csv", "--config", "experiment=further")
    assert not result.jobs()


def test_what_is_behind_a_number_on_another_task_is_told(further: Project) -> None:
    command = [sys.executable, "workflow_scripts/explain.py", "--table", "table_4_7_out_of_domain"]
    command += ["--where", "test_task=smoke-opinions", "method=b0", "--config", "experiment=further"]
    done = subprocess.run(command, cwd=further.folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    asked = [line for line in done.stdout.splitlines() if line.startswith("predictions/")]
    assert len(asked) == 1
    assert ".b0.s0.on.smoke-opinions-" in asked[0]
