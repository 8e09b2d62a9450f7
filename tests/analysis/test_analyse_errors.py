"""The stage end to end: every table is always written, in its types, and the same twice."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import synthetic_experiment as synthetic
from potstill.analysis import agreement, calibration, differing, shortcuts, slices
from potstill.artefacts import writing
from potstill.plan.products import ERROR_ANALYSIS
from potstill.plan.specs.prepare import PrepareSpec
from potstill.tables import read_frame, write_table
from potstill.tasks.prepare import prepare
from small_results import write

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    "agreement": agreement.SCHEMA,
    "calibration": calibration.SCHEMA,
    "options": shortcuts.OPTION_SCHEMA,
    "warnings": shortcuts.WARNING_SCHEMA,
    "slices": slices.SCHEMA,
    "differing": differing.SCHEMA,
}


def analyse(collected, output, spec=None, **inputs):
    made = {
        "collected": str(collected),
        "record": str(output.parent / ".made" / f"{output.name}.json"),
        "product_id": "1.2",
    }
    spec = {"baseline": "b0", "confidence": 0.95, "settings": {"draws": 100}, **(spec or {})}
    arguments = ["--spec", json.dumps(spec), "--inputs", json.dumps({**made, **inputs}), "--output", str(output)]
    script = ROOT / "workflow_scripts" / "analyse_errors.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment") / "collected"
    synthetic.write_collected(folder)
    return folder


def test_all_tables_in_their_types(collected, tmp_path):
    done = analyse(collected, tmp_path / "error_analysis")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "error_analysis").iterdir()} == set(ERROR_ANALYSIS)
    for name, schema in SCHEMAS.items():
        assert pq.read_schema(tmp_path / f"error_analysis/{name}.parquet") == schema
    tables = {name: read_frame(tmp_path / f"error_analysis/{name}.parquet") for name in SCHEMAS}
    runs = read_frame(collected / "runs.parquet")
    keys = ["task", "student", "method", "variant", "seed"]
    chosen = runs[runs.selected & (runs.role == "student")]
    assert set(tables["agreement"][keys].itertuples(index=False)) == set(chosen[keys].itertuples(index=False))
    merged = tables["agreement"].merge(chosen, on=keys)
    accuracy = merged[merged.task == "sentiment"]
    assert accuracy.accuracy.to_numpy() == pytest.approx(accuracy.test_score.to_numpy())
    assert set(tables["calibration"].task) == {"sentiment"}
    assert set(tables["slices"].slice) == {"length", "label", "cluster"}
    assert tables["differing"].groupby("task").example_id.nunique().to_dict() == {"sentiment": 20, "squad": 20}
    assert len(tables["warnings"]) == 0
    again = analyse(collected, tmp_path / "again" / "error_analysis")
    assert again.returncode == 0, again.stderr
    for name in ERROR_ANALYSIS:
        assert (tmp_path / "error_analysis" / name).read_bytes() == (
            tmp_path / "again/error_analysis" / name
        ).read_bytes()


def test_where_nothing_applies_the_tables_are_empty_with_their_columns(tmp_path):
    """Answers in words, all alike: no calibration, no label, nothing that differs."""
    write(tmp_path / "collected", "generation", [["x"]] * 5, ["x"] * 5, {"b0": [["x"] * 5], "kd": [["x"] * 5]})
    done = analyse(tmp_path / "collected", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    for name in ("calibration", "differing", "warnings"):
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        assert (table.num_rows, table.schema) == (0, SCHEMAS[name])


def test_a_planted_shortcut_is_told_and_the_honest_student_is_not(collected, tmp_path):
    folder = tmp_path / "collected"
    shutil.copytree(collected, folder)
    answers, scores = read_frame(folder / "answers.parquet"), read_frame(folder / "scores.parquet")
    planted = (answers.task == "sentiment") & (answers.method == "kd3") & (answers.student == "minilm-2l")
    answers.loc[planted, ["label", "text"]] = [1, "positive"]
    examples = read_frame(folder / "examples.parquet").set_index("example_id").label
    mine = (scores.task == "sentiment") & (scores.method == "kd3") & (scores.student == "minilm-2l")
    scores.loc[mine, "score"] = (examples.loc[scores.example_id[mine]] == 1).to_numpy().astype(float)
    write_table(answers, folder / "answers.parquet")
    write_table(scores, folder / "scores.parquet")
    done = analyse(folder, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    table = read_frame(tmp_path / "out" / "warnings.parquet")
    assert set(zip(table.student, table.method, strict=True)) == {("minilm-2l", "kd3")}
    assert set(table.kind) == {"constant", "one answer", "option"}


def test_a_slice_by_a_column_of_the_data(tmp_path):
    """Examples made by the stage that makes them, from a data set with a column that they do not keep."""
    data = [{"s": f"film number {i}", "label": i % 2, "genre": "war" if i % 3 else "love"} for i in range(60)]
    with writing(tmp_path / "assets" / "data", spec={}) as folder, (folder / "films.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, data[0])
        writer.writeheader()
        writer.writerows(data)
    labels = [{"value": i, "name": n, "verbalizer": f" {n}"} for i, n in enumerate(("bad", "good"))]
    task = {
        "kind": "classification", "format": "csv", "files": {"all": ["films.csv"]},
        "columns": {"text": "s", "label": "label"}, "prompt": "{text}", "text": "{text}", "labels": labels,
        "splits": {"train": "all[:20]", "test": "all[20:]"},
    }  # fmt: skip
    test = prepare(PrepareSpec.parse(task), tmp_path / "assets" / "data")[0]["test"].sort_values("example_id")
    gold = test.label.tolist()
    is_war = np.array([int(text.split()[-1]) % 3 > 0 for text in test.text])
    kd = np.where(is_war, gold, 1 - np.array(gold))  # right about war films alone
    write(tmp_path / "collected", "classification", gold, gold, {"b0": [gold], "kd": [kd]}, words=["bad", "good"])
    for name in ("examples", "answers", "scores"):
        table = read_frame(tmp_path / f"collected/{name}.parquet")
        table["example_id"] = [test.example_id.iloc[int(i)] for i in table.example_id]
        write_table(table, tmp_path / f"collected/{name}.parquet")

    spec = {"settings": {"slices": ["genre"], "draws": 100}, "examples": {"t": task}}
    given = {"data": {"t": str(tmp_path / "assets" / "data")}}
    done = analyse(tmp_path / "collected", tmp_path / "out", spec, **given)
    assert done.returncode == 0, done.stderr
    table = read_frame(tmp_path / "out" / "slices.parquet")
    scores = table[table.method == "kd"].set_index("value").score.to_dict()
    assert scores == {"war": 1.0, "love": 0.0}
    sizes = table[table.method == "kd"].set_index("value").n_examples.to_dict()
    assert sizes == {"war": int(is_war.sum()), "love": int((~is_war).sum())}

    spec["settings"]["slices"] = ["gender"]
    done = analyse(tmp_path / "collected", tmp_path / "other", spec, **given)
    assert done.returncode == 2
    assert "no test data of this experiment have a column 'gender' (did you mean 'genre'?" in done.stderr
    assert "Traceback" not in done.stderr
    with (tmp_path / "assets/data/films.csv").open("a") as file:
        file.write("another,1,war\n")
    damaged = analyse(tmp_path / "collected", tmp_path / "other", spec, **given)
    assert damaged.returncode == 2
    assert "films.csv" in damaged.stderr


def test_a_damaged_table_is_one_message(collected, tmp_path):
    folder = tmp_path / "collected"
    shutil.copytree(collected, folder)
    content = bytearray((folder / "answers.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "answers.parquet").write_bytes(content)
    done = analyse(folder, tmp_path / "error_analysis")
    assert done.returncode == 2
    assert "answers.parquet" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "error_analysis").exists()


def test_the_analysis_needs_no_torch():
    code = (
        "import sys; sys.path.insert(0, 'workflow_scripts'); import potstill.analysis.columns, potstill.analysis.tables; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"
