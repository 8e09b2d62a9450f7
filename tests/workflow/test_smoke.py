"""The smoke experiments end to end, as a user runs them, and what stands there afterwards."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard
from PIL import Image
from potstill import artefacts
from project import Project

pytestmark = pytest.mark.slow

TABLES = (
    "table_4_1_main_results",
    "table_4_2_kd1_ablation",
    "table_4_3_significance",
    "table_4_4_retention",
    "table_4_5_error_analysis",
    "table_4_6_cost",
    "benchmarks",
    "runs",
)


def runs(project: Project, experiment: str) -> pd.DataFrame:
    return pd.read_parquet(project.folder / "results" / experiment / "collected/runs.parquet")


def figures(project: Project, experiment: str) -> list[str]:
    """The figures of the catalogue that an experiment can fill."""
    has = {"smoke": {"classification", "grid"}, "smoke_generation": set()}[experiment]
    catalogue = yaml.safe_load((project.folder / "config/figures.yaml").read_text())
    return [name for name, settings in catalogue.items() if has >= set(settings.get("needs", []))]


@pytest.mark.parametrize("experiment", ["smoke", "smoke_generation"])
def test_everything_that_was_promised_is_there(generation: Project, experiment: str) -> None:
    folder = generation.folder / "results" / experiment
    for table in TABLES:
        assert len(pd.read_csv(folder / f"summary/{table}.csv")) > 0
        assert "\\toprule" in (folder / f"summary/{table}.tex").read_text()
    for figure in figures(generation, experiment):
        assert "<svg" in (folder / f"figures/{figure}.svg").read_text()
        assert (folder / f"figures/{figure}.pdf").read_bytes().startswith(b"%PDF")
        with Image.open(folder / f"figures/{figure}.png") as image:
            assert min(image.size) > 250
    report = (folder / "report.html").read_text()
    assert all(name in report for name in (*TABLES, *figures(generation, experiment)))
    assert str(generation.folder) not in report, "the report holds paths of this machine"
    summary = (folder / "summary.md").read_text()
    assert "## Verdict" in summary
    assert "\\newcommand{\\PsVerdict}" in (folder / "latex/numbers.tex").read_text()
    assert all(
        f"{figure}.pdf" in (folder / "latex/figures.tex").read_text() for figure in figures(generation, experiment)
    )
    students = runs(generation, experiment).query("role == 'student'")
    for task, student, method in students.groupby(["task", "student", "method"]).groups:
        card = ModelCard.load(folder / f"model_cards/{task}.{student}.{method}.md")
        assert card.data.eval_results


@pytest.mark.parametrize("experiment", ["smoke", "smoke_generation"])
def test_a_second_call_does_nothing_and_says_so(generation: Project, tmp_path: Path, experiment: str) -> None:
    project = Project.copy(tmp_path, generation.folder, results=True)
    result = project.snakemake("all", "--config", f"experiment={experiment}")
    assert result.code == 0
    assert "Nothing to be done" in result.output
    assert "localrules" not in result.output  # no warning of ours


def test_outdated_products_may_be_asked_for_by_absolute_paths(smoke: Project, tmp_path: Path) -> None:
    """Snakemake remembers what it saw in a folder: the marks of outdated products must lie there before it looks."""
    project = Project.copy(tmp_path, smoke.folder, results=True)
    project.replace("config/figures.yaml", "fig_4_5_kd_gain:\n", "fig_4_5_kd_gain:\n  title: Another\n")
    folder = project.folder / "results/smoke"
    wanted = [str(folder / name) for name in ("figures/fig_4_5_kd_gain.png", "report.html")]
    config = ("--config", "experiment=smoke", f"results={project.folder / 'results'}")
    result = project.snakemake("-n", *config, "--", *wanted, cores=None)
    assert result.jobs() == {"draw_figure": 1, "write_report": 1}


def test_every_artefact_is_complete_and_verified(generation: Project) -> None:
    folders = [path.parent for path in (generation.folder / "results").glob("*/*/manifest.json")]
    assert len(folders) > 30
    for folder in folders:
        artefacts.verify(folder)
    leftovers = [path for path in (generation.folder / "results").glob("*/.*") if path.name != ".made"]
    assert not leftovers


def test_a_run_leaves_a_plain_model_its_history_predictions_and_facts(generation: Project) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    for experiment, kind in (("smoke", AutoModelForSequenceClassification), ("smoke_generation", AutoModelForCausalLM)):
        table = runs(generation, experiment)
        run = generation.folder / table[table.role == "student"].path.iloc[0]
        model = kind.from_pretrained(run / "student")
        tokenizer = AutoTokenizer.from_pretrained(run / "student")
        assert model(**tokenizer("a moving film", return_tensors="pt")).logits.isfinite().all()
        assert (run / "student/README.md").read_text().startswith("---")
        history = pd.read_parquet(run / "history.parquet")
        assert {"step", "loss", "loss_ce", "learning_rate", "gradient_norm", "validation_loss"} <= set(history.columns)
        facts = json.loads((run / "run.json").read_text())
        assert facts["steps"] == len(history)
        assert {"torch", "transformers"} <= set(facts["versions"])


def test_the_fitted_teacher_learns_the_smoke_task(smoke: Project) -> None:
    """Chance is 50 % of 80; a teacher that had learnt nothing would reach 75 % with probability 4e-6."""
    table = runs(smoke, "smoke")
    assert table[table.role == "teacher"].test_score.item() > 0.75


def test_every_seed_of_every_method_is_scored_on_the_same_examples(generation: Project) -> None:
    scores = pd.read_parquet(generation.folder / "results/smoke/collected/scores.parquet")
    groups = scores.groupby(["role", "method", "variant", "seed"]).example_id.agg(frozenset)
    assert len(groups) == 1 + 2 * 4
    assert groups.nunique() == 1


def test_a_run_made_again_has_the_same_bytes(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    run = next((project.folder / "results/runs").glob("*kd1.T4*s1*"))
    before = artefacts.read_manifest(run)["files"]
    shutil.rmtree(run)
    result = project.snakemake(f"results/runs/{run.name}/manifest.json", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    after = artefacts.read_manifest(run)["files"]
    assert {"student/model.safetensors", "predictions.parquet", "history.parquet"} <= set(before)
    # run.json holds wall times, and the model card nothing that differs.
    assert {k: v for k, v in before.items() if k != "run.json"} == {k: v for k, v in after.items() if k != "run.json"}


def test_taking_a_change_back_retrains_nothing(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    project.replace("config/experiments/smoke.yaml", "temperature: [1, 4]", "temperature: [4]")
    result = project.snakemake("all", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    assert "train_student" not in result.jobs()
    project.replace("config/experiments/smoke.yaml", "temperature: [4]", "temperature: [1, 4]")
    jobs = project.plan("smoke")
    assert set(jobs) == {
        "collect_runs",
        "collect_costs",
        "compare",
        "analyse_errors",
        "write_table",
        "draw_figure",
        "write_report",
        "write_model_cards",
    }


def test_code_keep_uses_what_other_code_made_and_marks_it(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    loss = project.folder / "workflow_scripts/potstill/losses/feature.py"
    loss.write_text(loss.read_text() + "\nCHANGED = True\n")
    project.replace("config/experiments/smoke.yaml", "temperature: [1, 4]", "temperature: [4]")
    result = project.snakemake("all", "--config", "experiment=smoke", "code=keep")
    assert result.code == 0, result.output
    assert "train_student" not in result.jobs()
    table = runs(project, "smoke")
    assert set(table[table.kept].method) == {"kd3"}
    assert "made by other versions of the code" in (project.folder / "results/smoke/report.html").read_text()


def test_one_figure_is_made_by_its_path(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    project.replace("config/figures.yaml", "fig_4_5_kd_gain:\n", "fig_4_5_kd_gain:\n  title: Another title\n")
    figure = "results/smoke/figures/fig_4_5_kd_gain.png"
    before = (project.folder / figure).read_bytes()
    result = project.snakemake(figure, "--config", "experiment=smoke")
    assert dict(result.jobs()) == {"draw_figure": 1}
    assert (project.folder / figure).read_bytes() != before


def test_what_is_made_already_can_be_asked_for_by_its_path(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    figures = "results/smoke/figures"
    made = f"{figures}/fig_4_4_pareto.png"
    result = project.snakemake(made, "results/smoke/report.html", "--config", "experiment=smoke")
    assert result.code == 0, result.output
    assert "Nothing to be done" in result.output
    assert "localrules" not in result.output  # no warning of ours
    (project.folder / figures / "fig_4_5_kd_gain.pdf").unlink()
    both = project.snakemake(made, f"{figures}/fig_4_5_kd_gain.pdf", "--config", "experiment=smoke")
    assert both.jobs()["draw_figure"] == 1
    unknown = project.snakemake(f"{figures}/fig_4_9.png", "--config", "experiment=smoke")
    assert unknown.code != 0
    assert f"No rule to produce {figures}/fig_4_9.png" in unknown.output


def test_a_damaged_artefact_stops_its_reader_with_the_way_to_mend_it(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    shard = next((project.folder / "results/targets").glob("*label_logits.1of2*"))
    table = shard / "label_logits.parquet"
    data = bytearray(table.read_bytes())
    data[len(data) // 2] ^= 1
    table.write_bytes(data)
    project.replace("config/experiments/smoke.yaml", "seeds: [0, 1]", "seeds: [0, 1, 2]")
    result = project.snakemake("runs", "--config", "experiment=smoke")
    assert result.code != 0
    assert f"results/targets/{shard.name}/label_logits.parquet" in result.output
    assert f"rm -r results/targets/{shard.name} && snakemake" in result.output
    assert "Traceback" not in result.output
    assert not list((project.folder / "results/runs").glob("*kd1*s2*/manifest.json"))


def test_a_lock_left_by_a_kill_is_removed_without_naming_cores(smoke: Project, tmp_path: Path) -> None:
    project = Project.copy(tmp_path, smoke.folder, results=True)
    result = project.snakemake("--unlock", "--config", "experiment=smoke", cores=None)
    assert result.code == 0, result.output


def test_a_mistake_in_the_data_is_the_last_thing_said_and_nothing_is_left(tmp_path: Path) -> None:
    project = Project.copy(tmp_path)
    project.replace("tests/assets/smoke/reviews.jsonl", '"label": 1', '"label": 7')
    result = project.snakemake("all", "--config", "experiment=smoke")
    assert result.code != 0
    last = result.output.partition("Exiting because a job execution failed")[2]
    assert re.search(r"failed: prepare_task smoke-reviews.*\n    error: .*reviews.jsonl, line \d+: the label '7'", last)
    assert "Traceback" not in result.output
    assert not list((project.folder / "results/examples").glob("*"))
