"""Collecting reads what the stages wrote, computes the scores, and selects on validation alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from potstill.artefacts import writing
from potstill.errors import ArtefactError, DataError
from potstill.plan.specs.collect import CollectedBenchmark, CollectedRun, CollectSpec
from potstill.report.collecting import (
    ANSWERS,
    TEST_EXAMPLES,
    Examples,
    answers,
    baselines,
    collect,
    selected,
    shown_examples,
)
from potstill.report.collecting_benchmarks import collect_benchmarks
from potstill.tables import read_frame, write_table

ROOT = Path(__file__).parents[2]


def collected(artefacts):
    spec = CollectSpec.parse(artefacts.spec)
    return collect(spec.runs, [Path(d) for d in artefacts.directories], Examples(artefacts.examples))


@pytest.fixture(scope="module")
def tables(artefacts):
    return collected(artefacts)


def test_scores_are_those_of_the_predictions(artefacts, tables):
    _, scores, _ = tables
    keys = ["task", "student", "method", "variant", "seed", "example_id", "metric"]
    exact = artefacts.scores[artefacts.scores.metric != "f1"].set_index(keys).score
    found = scores.set_index(keys).score
    pd.testing.assert_series_equal(found[found.index.isin(exact.index)].sort_index(), exact.sort_index())
    f1 = scores[(scores.task == "squad") & (scores.metric == "f1")].set_index(keys[:-1]).score
    em = scores[(scores.task == "squad") & (scores.metric == "exact_match")].set_index(keys[:-1]).score
    # "The big dog." is "big dog"; "a big cat" shares one of two words with it.
    pd.testing.assert_series_equal(f1, em.map({1.0: 1.0, 0.0: 0.5}), check_names=False)


def test_runs_have_the_documented_columns(artefacts, tables):
    runs, scores, _ = tables
    keys = ["task", "role", "student", "method", "variant", "seed", "selected"]
    assert list(scores) == [*keys, "example_id", "cluster_id", "metric", "score"]
    assert set(runs) == set(artefacts.runs)
    assert runs.path.tolist() == artefacts.directories
    assert runs.metric.tolist() == artefacts.runs.metric.tolist()
    accuracy = runs.task == "sentiment"
    assert runs.test_score[accuracy].tolist() == pytest.approx(artefacts.runs.test_score[accuracy].tolist())
    teachers = runs[runs.role == "teacher"]
    assert teachers.train_seconds.isna().all()
    assert (teachers.parameters == 134_500_000).all()


def test_clusters_come_from_the_examples(tables):
    _, scores, _ = tables
    squad = scores[scores.task == "squad"]
    assert squad.groupby("cluster_id").example_id.nunique().unique().tolist() == [4]


def test_answers_are_those_of_the_teacher_and_the_selected_runs_on_the_test_split(artefacts, tables):
    runs, scores, _ = tables
    table = answers(runs, CollectSpec.parse(artefacts.spec).runs)
    assert table.schema == ANSWERS
    found = table.to_pandas()
    keys = ["task", "role", "student", "method", "variant", "seed", "example_id"]
    assert found[keys].equals(scores[scores.selected & (scores.metric != "f1")][keys].reset_index(drop=True))
    exact = scores[scores.selected & (scores.metric == "exact_match")]
    assert ((found[found.task == "squad"].text == "The big dog.").to_numpy() == exact.score.to_numpy()).all()
    assert set(found[found.task == "squad"].label) == {-1}
    assert (found.n_tokens == 3).all()


def test_examples_are_told_as_a_reader_sees_them(artefacts):
    table = shown_examples(CollectSpec.parse(artefacts.spec).runs, Examples(artefacts.examples))
    assert table.schema == TEST_EXAMPLES
    found = table.to_pandas()
    for task, part in found.groupby("task"):
        test = read_frame(Path(artefacts.examples[task]) / "test.parquet").sort_values("example_id")
        assert part.example_id.tolist() == test.example_id.tolist()
        assert part.prompt.tolist() == test.prompt.tolist()
    assert (found.n_words == 2).all()
    sentiment = found[found.task == "sentiment"]
    assert (sentiment.gold == np.array(["negative", "positive"])[sentiment.label]).all()
    assert set(found[found.task == "squad"].gold) == {"big dog"}


def test_choices_lose_the_white_space_that_a_decoder_asks_for(tmp_path):
    row = {
        "example_id": "a", "cluster_id": "a", "text": "x", "prompt": "Is it  so?\nAnswer:", "answers": [" yes"],
        "label": 1, "choices": [" no", " yes"],
    }  # fmt: skip
    with writing(tmp_path / "examples", spec={}) as folder:
        write_table(pd.DataFrame([row]).astype({"label": "int32"}), folder / "test.parquet")
    run = CollectedRun(task="t", kind="classification", role="teacher", student="s", method="teacher", run_id="r")
    shown = shown_examples([run], Examples({"t": str(tmp_path / "examples")})).to_pylist()[0]
    assert (shown["gold"], shown["choices"], shown["n_words"]) == ("yes", ["no", "yes"], 4)


def test_histories_stand_together_though_their_loss_terms_differ(artefacts, tables):
    _, _, history = tables
    assert list(history)[:5] == ["task", "student", "method", "variant", "seed"]
    assert len(history) == 3 * (artefacts.runs.role == "student").sum()
    assert history[history.method == "b0"].loss_kd.isna().all()
    assert history[history.method != "b0"].loss_ce.isna().all()


def test_selection_looks_at_validation_means_and_takes_the_first_of_equals():
    rows = [
        ("b0", "-", 0, 0.1, 0.1),
        ("kd1", "T2", 0, 0.5, 0.2),
        ("kd1", "T2", 1, 0.75, 0.2),
        ("kd1", "T4", 0, 1.0, 0.99),
        ("kd1", "T4", 1, 0.0, 0.99),
        ("kd1", "T8", 0, 0.75, 0.9),
        ("kd1", "T8", 1, 0.5, 0.9),
    ]
    runs = pd.DataFrame(rows, columns=["method", "variant", "seed", "validation_score", "test_score"])
    runs = runs.assign(task="t", role="student", student="s")
    chosen = runs[selected(runs)]
    assert chosen[["method", "variant"]].drop_duplicates().values.tolist() == [["b0", "-"], ["kd1", "T2"]]
    assert len(chosen) == 3


def test_constant_answers_are_scored_on_the_test_set(artefacts):
    table = baselines(CollectSpec.parse(artefacts.spec).runs, Examples(artefacts.examples))
    assert list(table) == ["task", "metric", "baseline", "answer", "score"]
    majority = table[(table.task == "sentiment")].iloc[0]
    test = read_frame(Path(artefacts.examples["sentiment"]) / "test.parquet")
    assert majority.answer == "negative"
    assert majority.score == pytest.approx((test.label == 0).mean())
    assert set(table[table.task == "squad"].metric) == {"f1", "exact_match"}


def rewrite(directory, change):
    """Change an artefact's predictions and describe them correctly, as a stage that went wrong would."""
    path = Path(directory)
    table = change(read_frame(path / "predictions.parquet"))
    (path / "manifest.json").unlink()
    facts = (path / "run.json").read_text()
    with writing(path, spec={}) as folder:
        table.to_parquet(folder / "predictions.parquet")
        (folder / "run.json").write_text(facts)


def test_spoilt_runs_are_named(fresh_artefacts):
    directory = fresh_artefacts.directories[1]

    rewrite(directory, lambda t: t[t.example_id != "validation 003"])
    with pytest.raises(ArtefactError, match="validation 003") as error:
        collected(fresh_artefacts)
    assert directory in str(error.value)

    (Path(directory) / "run.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"run\.json.*Rebuild it"):
        collected(fresh_artefacts)

    (Path(directory) / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match="never finished"):
        collected(fresh_artefacts)


def test_the_same_run_twice_is_refused(artefacts):
    spec = artefacts.spec
    spec["runs"].append(spec["runs"][-1])
    directories = [Path(d) for d in [*artefacts.directories, artefacts.directories[-1]]]
    with pytest.raises(DataError, match="squad student minilm-2l kd3 - 42 is there twice"):
        collect(CollectSpec.parse(spec).runs, directories, Examples(artefacts.examples))


def test_benchmarks_are_flattened(tmp_path):
    facts = {
        "parameters": 10,
        "latency_ms_p50": 1.5,
        "latencies_ms": [1, 2],
        "environment": {"device": "cpu", "threads": 2},
    }
    with writing(tmp_path / "one", spec={}) as folder:
        (folder / "benchmark.json").write_text(json.dumps(facts))
    entry = CollectedBenchmark(task="t", role="student", student="s")
    row = collect_benchmarks([entry], [tmp_path / "one"]).iloc[0]
    assert (row.task, row.parameters, row.latency_ms_p50, row.device, row.threads) == ("t", 10, 1.5, "cpu", 2)
    assert "latencies_ms" not in row


def run_stage(script, spec, inputs, output, experiment):
    inputs = {**inputs, "record": str(experiment / ".made" / f"{output.stem}.json"), "product_id": "1.2"}
    arguments = ["--spec", json.dumps(spec), "--inputs", json.dumps(inputs), "--output", str(output)]
    return subprocess.run(
        [sys.executable, ROOT / "workflow_scripts" / script, *arguments], capture_output=True, text=True, check=False
    )


def test_stages_from_runs_to_table(artefacts, tmp_path):
    """The command lines, end to end, twice: same bytes, and a record beside each product."""
    contents = []
    for experiment in (tmp_path / "a", tmp_path / "b"):
        (experiment / "collected").mkdir(parents=True)  # Snakemake makes the folders of outputs beforehand
        inputs = {"runs": artefacts.directories, "examples": artefacts.examples}
        folders = {name: str(experiment / name) for name in ("collected", "comparison", "error_analysis")}
        table = experiment / "summary" / "table_4_1_main_results.csv"
        errors = table.with_name("table_4_5_error_analysis.csv")
        for script, spec, given, output in (
            ("collect_runs.py", artefacts.spec, inputs, experiment / "collected"),
            ("compare.py", {"comparison": {}}, folders, experiment / "comparison"),
            ("analyse_errors.py", {"baseline": "b0", "confidence": 0.95}, folders, experiment / "error_analysis"),
            ("write_table.py", {"table": table.stem}, folders, table),
            ("write_table.py", {"table": "table_4_5_error_analysis"}, folders, errors),
        ):
            done = run_stage(script, spec, given, output, experiment)
            assert done.returncode == 0, done.stderr
            assert json.loads((experiment / ".made" / f"{output.stem}.json").read_text())["id"] == "1.2"
        files = sorted(p for p in experiment.rglob("*") if p.is_file())
        contents.append([(p.relative_to(experiment), p.read_bytes()) for p in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 6 + 5 + 6 + 2 * 2 + 5
    rows = pd.read_csv(table)
    assert rows[rows.method == "kd2"]["mean"].notna().all()
    assert not np.isclose(rows["mean"], 0).all()


def test_a_users_mistake_is_one_message(products, tmp_path):
    spec = {"comparison": {"baseline": "sft"}}
    given = {"collected": str(products["collected"])}
    done = run_stage("compare.py", spec, given, tmp_path / "comparison", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"compare {tmp_path.name} | error: comparison.baseline: sft has no run")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "comparison").exists()
