"""The stage script, its errors, the curves of a history, and the documented formats as others write them."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from figure_shapes import CATALOGUE, ROOT, Shape
from potstill.errors import PotstillError
from potstill.figures.benchmarks import environment_note
from potstill.figures.fig_loss_curves import curves
from potstill.figures.output import write_figure
from potstill.plan.specs.figure import FigureSpec
from potstill.tables import write_table

READS = [
    ("fig_4_1_performance_vs_size", "collected", "runs.parquet", "parameters"),
    ("fig_4_1_performance_vs_size", "comparison", "summary.parquet", "mean"),
    ("fig_4_1_performance_vs_size", "comparison", "retention.parquet", "margin"),
    ("fig_4_2_latency", "collected_benchmarks", "benchmarks.parquet", "latency_ms_p95"),
    ("fig_4_3_kd_comparison", "collected", "runs.parquet", "test_score"),
    ("fig_4_4_pareto", "collected_benchmarks", "benchmarks.parquet", "latency_ms_p50"),
    ("fig_4_5_kd_gain", "comparison", "contrasts.parquet", "difference"),
    ("fig_4_6_memory", "collected_benchmarks", "benchmarks.parquet", "bytes_on_disk"),
    ("fig_4_7_ablation_heatmap", "collected", "runs.parquet", "test_score"),
    ("fig_4_8_teacher_temperature", "collected", "answers.parquet", "label"),
    ("fig_4_9_agreement", "error_analysis", "agreement.parquet", "inherited"),
    ("fig_4_10_reliability", "error_analysis", "calibration.parquet", "ece"),
    ("fig_4_11_budget", "comparison", "budget.parquet", "expected_validation"),
    ("fig_4_12_retention", "comparison", "retention.parquet", "margin"),
    ("fig_4_13_transfer", "transfer", "transfer.parquet", "score"),
    ("fig_4_13_transfer", "transfer", "transfer_summary.parquet", "mean"),
    ("fig_4_13_transfer", "transfer", "transfer_baselines.parquet", "score"),
    ("fig_loss_curves", "collected", "history.parquet", "step"),
]


@pytest.fixture
def data(tmp_path):
    return Shape(steps=10).write(tmp_path / "products")


def run_stage(name, data, output, record, product_id="id-1", **changes):
    settings = CATALOGUE[name].model_dump(mode="json") | changes
    inputs = {product: str(data[product]) for product in settings["inputs"]}
    command = [sys.executable, "-W", "error::UserWarning", str(ROOT / "workflow_scripts" / "draw_figure.py")]
    command += ["--spec", json.dumps({"name": name, "settings": settings})]
    command += ["--inputs", json.dumps(inputs | {"record": str(record), "product_id": product_id})]
    return subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=False)


def test_stage_writes_four_files_and_its_record(data, spec_of, tmp_path):
    figures, record = tmp_path / "exp" / "figures", tmp_path / "exp" / ".made" / "fig.json"
    done = run_stage("fig_4_2_latency", data, figures / "fig_4_2_latency.png", record)
    assert (done.returncode, done.stderr) == (0, "")
    names = [f"fig_4_2_latency.{kind}" for kind in ("csv", "pdf", "png", "svg")]
    assert sorted(path.name for path in figures.iterdir()) == names
    made = json.loads(record.read_text())
    assert made["id"] == "id-1"
    assert sorted(made["files"]) == [f"figures/{name}" for name in names]
    # The same bytes in another process, whose sets have another order.
    for path in write_figure(spec_of("fig_4_2_latency"), data, tmp_path):
        assert path.read_bytes() == (figures / path.name).read_bytes(), path.name


def test_failing_stage_leaves_the_old_figure_alone(data, tmp_path):
    figures, record = tmp_path / "exp" / "figures", tmp_path / "exp" / ".made" / "fig.json"
    output = figures / "fig_4_2_latency.png"
    assert run_stage("fig_4_2_latency", data, output, record).returncode == 0
    before = {path: path.read_bytes() for path in [*figures.iterdir(), record]}
    (data["collected_benchmarks"] / "benchmarks.parquet").unlink()
    failed = run_stage("fig_4_2_latency", data, output, record, "id-2")
    assert failed.returncode == 2
    assert failed.stderr.startswith("draw fig_4_2_latency | error: ")
    assert "benchmarks.parquet: missing" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert {path: path.read_bytes() for path in [*figures.iterdir(), record]} == before


@pytest.mark.parametrize(("name", "product", "file", "column"), READS)
@pytest.mark.parametrize("wrong", ["column", "rows", "number", "file"])
def test_bad_input_is_one_error_that_names_the_file(name, product, file, column, wrong, data, spec_of, tmp_path):
    path = data[product] / file
    frame = pd.read_parquet(path)
    if wrong == "file":
        path.write_bytes(path.read_bytes()[:-20])
    elif wrong == "column":
        write_table(frame.drop(columns=column), path)
    elif wrong == "rows":
        write_table(frame.iloc[:0], path)
    else:
        frame[column] = frame[column].astype(float)
        frame.loc[1, column] = np.nan
        write_table(frame, path)
    said = {
        "column": f"no column {column} ",
        "rows": "has no rows",
        "number": f"row 1: {column} is nan",
        "file": "Parquet",
    }
    with pytest.raises(PotstillError, match=re.escape(str(path)) + ".*" + re.escape(said[wrong])):
        write_figure(spec_of(name), data, tmp_path)
    assert not list(tmp_path.glob("fig_*"))


def test_a_model_that_was_not_measured_is_named(data, spec_of, tmp_path):
    path = data["collected_benchmarks"] / "benchmarks.parquet"
    frame = pd.read_parquet(path)
    write_table(frame[frame["student"] != "minilm-2l"], path)
    with pytest.raises(PotstillError, match=f"{path}: no latency_ms_p50 of student minilm-2l on rotten_tomatoes"):
        write_figure(spec_of("fig_4_4_pareto"), data, tmp_path)


def test_histories_without_runs_and_summaries_without_students_are_refused(data, spec_of, tmp_path):
    runs = pd.read_parquet(data["collected"] / "runs.parquet")
    write_table(runs.assign(selected=False), data["collected"] / "runs.parquet")
    with pytest.raises(PotstillError, match=r"history.parquet: no row belongs to a selected run of runs.parquet"):
        write_figure(spec_of("fig_loss_curves"), data, tmp_path)
    summary = pd.read_parquet(data["comparison"] / "summary.parquet")
    write_table(summary[summary["role"] == "teacher"], data["comparison"] / "summary.parquet")
    with pytest.raises(PotstillError, match=r"summary.parquet: no selected student with a primary metric"):
        write_figure(spec_of("fig_4_1_performance_vs_size"), data, tmp_path)


def test_unknown_figure_names_those_there_are(spec_of, data, tmp_path):
    spec = FigureSpec(name="fig_nice", settings=CATALOGUE["fig_4_2_latency"])
    with pytest.raises(PotstillError, match=r"no figure fig_nice: potstill/figures/fig_nice.py .*fig_4_4_pareto"):
        write_figure(spec, data, tmp_path)


def test_curves_are_means_over_bins_and_over_seeds(tmp_path):
    shape = Shape(students={"minilm-2l": 1}, methods=("b0", "kd1"), seeds=2, steps=250)
    data = shape.write(tmp_path / "products")
    shown, longest_bin = curves(data)
    history = pd.read_parquet(data["collected"] / "history.parquet")
    assert longest_bin == 3  # 250 steps in at most 100 bins
    run = history[(history["method"] == "kd1") & (history["variant"] == "T2_a0.5") & (history["seed"] == 1)]
    curve = shown[(shown["method"] == "kd1") & (shown["seed"] == "1") & (shown["term"] == "loss_kd")]
    binned = run["loss_kd"].to_numpy()[:249].reshape(-1, 3).mean(axis=1)
    np.testing.assert_allclose(curve["loss"], [*binned, run["loss_kd"].iloc[-1]])
    np.testing.assert_allclose(curve["step"], [*np.arange(2, 250, 3), 250])
    mean = shown[(shown["method"] == "kd1") & (shown["seed"] == "mean") & (shown["term"] == "loss_kd")]
    both = shown[(shown["method"] == "kd1") & (shown["seed"] != "mean") & (shown["term"] == "loss_kd")]
    np.testing.assert_allclose(mean["loss"], both.groupby("step")["loss"].mean())
    measured = shown[(shown["method"] == "b0") & (shown["seed"] == "0") & (shown["term"] == "validation_loss")]
    truth = history[(history["method"] == "b0") & (history["seed"] == 0)].dropna(subset="validation_loss")
    np.testing.assert_allclose(measured[["step", "loss"]], truth[["step", "validation_loss"]])
    assert set(shown.loc[shown["method"] == "b0", "term"]) == {"loss_ce", "validation_loss"}  # its total is the same
    assert set(shown.loc[shown["method"] == "kd1", "term"]) == {"loss", "loss_ce", "loss_kd", "validation_loss"}
    assert set(shown["variant"]) == {"-", "T2_a0.5"}


def test_the_mean_over_seeds_ends_with_the_first_seed(tmp_path):
    data = Shape(students={"minilm-2l": 1}, methods=("b0",), seeds=3, steps=40).write(tmp_path / "products")
    path = data["collected"] / "history.parquet"
    history = pd.read_parquet(path)
    write_table(history[(history["seed"] != 1) | (history["step"] <= 25)], path)
    shown, _ = curves(data)
    last = shown[shown["term"] == "loss_ce"].groupby("seed")["step"].max()
    assert last.to_dict() == {"0": 40, "1": 25, "2": 40, "mean": 25}


def test_models_measured_in_different_places_are_not_compared_silently():
    frame = pd.DataFrame({"device": ["cpu", "cpu"], "cpu": ["A", "A"], "threads": [2, 4], "precision": ["fp32"] * 2})
    assert environment_note(frame).startswith("Not measured alike: threads differ")
    assert environment_note(frame.iloc[:1]) == "Measured on A, 2 threads, fp32."
    assert environment_note(frame.iloc[:1].assign(device="cuda")) == "Measured on cuda (A), fp32."


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """The products as the tests of collecting, comparing and tables have them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "tests"))
        import synthetic_experiment
    root = tmp_path_factory.mktemp("documented")
    products = {
        name: root / name for name in ("collected", "collected_benchmarks", "comparison", "error_analysis", "transfer")
    }
    synthetic_experiment.write_collected(products["collected"])
    synthetic_experiment.write_benchmarks(products["collected_benchmarks"])
    synthetic_experiment.write_comparison(products["comparison"])
    synthetic_experiment.write_error_analysis(products["error_analysis"], products["collected"])
    synthetic_experiment.write_transfer(products["transfer"])
    return products


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_figures_read_the_formats_as_documented(name, documented, spec_of, tmp_path):
    """Two tasks, one of them with one seed; each figure is given the products that it declares and no others."""
    write_figure(spec_of(name), {product: documented[product] for product in CATALOGUE[name].inputs}, tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
