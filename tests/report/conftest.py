"""A made-up experiment as stages leave it: example, run, prediction and benchmark folders with manifests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic_experiment as synthetic
from potstill.artefacts import writing
from potstill.tables import write_table

VALIDATION = 40


class Artefacts:
    """The folders, and the spec and inputs that `collect_runs` is given for them."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.runs = synthetic.collected_runs()
        self.scores = synthetic.collected_scores(self.runs)
        self.examples = {task.name: self._write_examples(task) for task in synthetic.TASKS}
        self.directories = [self._write_run(run) for run in self.runs.itertuples()]

    @property
    def spec(self) -> dict:
        fields = [
            "task",
            "kind",
            "role",
            "student",
            "method",
            "variant",
            "temperature",
            "alpha",
            "seed",
            "run_id",
            "kept",
        ]
        entries = self.runs[fields].astype(object).where(self.runs[fields].notna(), None).to_dict("records")
        options = [json.loads(text) for text in self.runs.options]
        return {"runs": [{**entry, "options": chosen} for entry, chosen in zip(entries, options, strict=True)]}

    def _write_examples(self, task: synthetic.Task) -> str:
        directory = self.results / "examples" / task.name
        ids = synthetic.example_ids(task)
        with writing(directory, spec={}) as folder:
            write_table(self._table(task, ids["example_id"], ids["cluster_id"]), folder / "test.parquet")
            for split, size in (("validation", VALIDATION), ("train", 30)):
                names = [f"{split} {i:03d}" for i in range(size)]
                write_table(self._table(task, names, names), folder / f"{split}.parquet")
        return str(directory)

    def _table(self, task: synthetic.Task, ids: list[str], clusters: list[str]) -> pd.DataFrame:
        words = ["negative", "positive"]
        classification = task.kind == "classification"
        label = np.arange(len(ids)) % 5 // 2 % 2  # two of five are 1
        answers = [[words[i]] for i in label] if classification else [["big dog"]] * len(ids)
        return pd.DataFrame(
            {
                "example_id": ids,
                "cluster_id": clusters,
                "text": [f"text {i}" for i in ids],
                "prompt": [f"prompt {i}" for i in ids],
                "answers": answers,
                "label": label.astype("int32") if classification else np.full(len(ids), -1, "int32"),
                "choices": [words if classification else []] * len(ids),
            }
        )

    def _write_run(self, run) -> str:
        task = next(task for task in synthetic.TASKS if task.name == run.task)
        kind = "predictions" if run.role == "teacher" else "runs"
        directory = self.results / kind / run.run_id
        mine = self.scores.query(
            "task == @run.task and student == @run.student and method == @run.method and variant == @run.variant"
            " and seed == @run.seed"
        )
        exact = mine[mine.metric == task.metrics[-1]].set_index("example_id").score
        right = round(run.validation_score * VALIDATION)
        validation = pd.Series(
            [1.0] * right + [0.0] * (VALIDATION - right), [f"validation {i:03d}" for i in range(VALIDATION)]
        )
        facts = {
            "predict_seconds": run.predict_seconds,
            "parameters": run.parameters,
            "device": "cpu",
            "seed": run.seed,
            "method": run.method,
        }
        if run.role == "student":
            facts |= {"steps": run.steps, "tokens_seen": run.tokens_seen, "train_seconds": run.train_seconds}
        with writing(directory, spec={}) as folder:
            parts = [self._predictions(task, "validation", validation), self._predictions(task, "test", exact)]
            write_table(pd.concat(parts, ignore_index=True), folder / "predictions.parquet")
            (folder / "run.json").write_text(json.dumps(facts))
            if run.role == "student":
                history = pd.DataFrame({"step": np.arange(3, dtype="int32"), "loss": [3.0, 2.0, 1.0]})
                history["loss_ce" if run.method == "b0" else "loss_kd"] = history.loss
                write_table(history, folder / "history.parquet")
        return str(directory)

    def _predictions(self, task: synthetic.Task, split: str, right: pd.Series) -> pd.DataFrame:
        examples = pd.read_parquet(self.results / "examples" / task.name / f"{split}.parquet")
        right = right.loc[examples.example_id].to_numpy() == 1
        label = np.where(right, examples.label, 1 - examples.label) if task.kind == "classification" else -1
        return pd.DataFrame(
            {
                "split": split,
                "example_id": examples.example_id,
                "label": np.asarray(label, dtype="int32") + np.zeros(len(right), "int32"),
                "logits": [[] for _ in right],
                "text": np.where(right, "The big dog.", "a big cat"),
                "n_tokens": np.full(len(right), 3, "int32"),
            }
        )


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory):
    return Artefacts(tmp_path_factory.mktemp("results"))


@pytest.fixture
def fresh_artefacts(tmp_path):
    """A copy that a test may damage."""
    return Artefacts(tmp_path / "results")


@pytest.fixture(scope="session")
def products(tmp_path_factory):
    """Folders of the collected results and of the comparison, by the name of the end product."""
    folder = tmp_path_factory.mktemp("experiment")
    names = ("collected", "comparison", "collected_benchmarks", "costs", "error_analysis", "transfer")
    folders = {name: folder / name for name in names}
    synthetic.write_collected(folders["collected"])
    synthetic.write_benchmarks(folders["collected_benchmarks"])
    synthetic.write_comparison(folders["comparison"])
    synthetic.write_error_analysis(folders["error_analysis"], folders["collected"])
    synthetic.write_costs(folders["costs"])
    synthetic.write_transfer(folders["transfer"])
    return folders
