"""Scores on other test sets: of the right examples, beside the own ones, with the selection that validation made."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from potstill.artefacts import writing
from potstill.errors import ArtefactError
from potstill.plan.specs.transfer import CollectTransferSpec
from potstill.report.collecting import Examples
from potstill.report.collecting_transfer import baselines_of, count_seen, scores_of, summarised, transferred
from potstill.report.tables import table_4_7_out_of_domain
from potstill.statistics.intervals import interval_of_score, wilson
from potstill.statistics.variance_components import estimate_difference
from potstill.tables import read_frame, write_table
from test_collecting import run_stage

N = 8
# Right answers of eight on the other task, and on the own one.
MODELS = {
    ("teacher", "big", "teacher", "-", -1): (6, 7),
    ("student", "small", "b0", "-", 0): (3, 4),
    ("student", "small", "b0", "-", 1): (5, 6),
    ("student", "small", "kd1", "T1", 0): (8, 5),
    ("student", "small", "kd1", "T4", 0): (2, 8),
}
SELECTED = {"teacher", "-", "T4"}  # kd1's T4, though T1 is better on the other task
SEEN = {("home", "away"): 2}
NAMES = ("role", "student", "method", "variant", "seed")


class Transfer:
    """Task `home`, whose models are asked about `away`, as the stages leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.examples = {"away": str(folder / "away"), "home": str(folder / "home")}
        ids = [f"away {k}" for k in range(N)]
        with writing(folder / "away", spec={}) as made:
            frame = {"example_id": ids, "cluster_id": ids, "label": np.ones(N, "int32"), "answers": [["x"]] * N}
            frame |= {"text": [f"sentence {k}" for k in range(N)]}
            write_table(pd.DataFrame(frame), made / "test.parquet")
            train = pd.DataFrame({"label": [0, 1, 1], "choices": [["no", "yes"]] * 3})
            write_table(train, made / "train.parquet")
        with writing(folder / "home", spec={}) as made:  # two of its sentences are tested on in `away`
            for split, texts in {"train": [7, 8], "transfer": [9], "validation": [3, 7]}.items():
                write_table(pd.DataFrame({"text": [f"sentence {k}" for k in texts]}), made / f"{split}.parquet")
        self.directories = [self.predictions(f"run{k}", ids, away) for k, (away, _) in enumerate(MODELS.values())]
        self.runs = pd.DataFrame([dict(zip(NAMES, key, strict=True)) | {"task": "home"} for key in MODELS])
        self.runs = self.runs.assign(metric="accuracy", selected=self.runs.variant.isin(SELECTED))
        own = [self.own(*models) for models in zip(self.runs.to_dict("records"), MODELS.values(), strict=True)]
        elsewhere = own[0].assign(task="unrelated")
        self.scores = pd.concat([*own, elsewhere], ignore_index=True)
        entries = [dict(zip(NAMES, key, strict=True)) for key in MODELS]
        entries = [{"task": "home", "test_task": "away", "kind": "classification", **entry} for entry in entries]
        self.spec = {"runs": entries, "confidence": 0.9}
        constants = {"task": ["home", "unrelated"], "metric": "accuracy", "baseline": "majority class", "answer": "no"}
        self.constants = pd.DataFrame(constants | {"score": [0.4, 0.3]})
        for name, frame in (("runs", self.runs), ("scores", self.scores), ("baselines", self.constants)):
            (folder / "collected").mkdir(exist_ok=True)
            write_table(frame, folder / "collected" / f"{name}.parquet")

    def predictions(self, name: str, ids: list[str], right: int) -> Path:
        labels = np.where(np.arange(len(ids)) < right, 1, 0).astype("int32")
        with writing(self.folder / name, spec={}) as made:
            frame = {"split": "test", "example_id": ids, "label": labels, "text": "x"}
            write_table(pd.DataFrame(frame), made / "predictions.parquet")
        return self.folder / name

    def own(self, run: dict, right: tuple[int, int]) -> pd.DataFrame:
        ids = [f"home {k}" for k in range(N)]
        keys = {key: run[key] for key in ("task", *NAMES, "selected")}
        frame = pd.DataFrame({"example_id": ids, "cluster_id": ids, "score": (np.arange(N) < right[1]).astype(float)})
        return frame.assign(**keys, metric="accuracy")

    def found(self) -> pd.DataFrame:
        runs = CollectTransferSpec.parse(self.spec).runs
        return scores_of(runs, self.directories, Examples(self.examples), self.runs, self.scores)


@pytest.fixture
def transfer(tmp_path: Path) -> Transfer:
    return Transfer(tmp_path)


def test_scores_are_counted_by_hand(transfer: Transfer) -> None:
    table = transferred(transfer.found()).set_index(["test_task", "method", "variant", "seed"])
    assert set(table.task) == {"home"}, "a task that is neither trained on nor tested on here has no row"
    for (_, _, method, variant, seed), (away, home) in MODELS.items():
        assert table.score[("away", method, variant, seed)] == away / N
        assert table.score[("home", method, variant, seed)] == home / N
    assert (table.n_examples == N).all()
    assert len(table) == 2 * len(MODELS)
    assert table[~table.selected].index.get_level_values("variant").unique().tolist() == ["T1"]


def test_the_summary_is_of_the_selected_variants_with_the_interval_of_seeds_and_examples(transfer: Transfer) -> None:
    summary = summarised(transfer.found(), 0.9, "b0", SEEN).set_index(["test_task", "method"])
    assert summary["mean"].to_dict() == {
        ("home", "teacher"): 7 / 8,
        ("home", "b0"): 5 / 8,
        ("home", "kd1"): 1.0,
        ("away", "teacher"): 6 / 8,
        ("away", "b0"): 4 / 8,
        ("away", "kd1"): 2 / 8,
    }
    b0 = summary.loc[("away", "b0")]
    right = np.array([np.arange(N) < 3, np.arange(N) < 5], float)
    assert (b0.ci_low, b0.ci_high) == pytest.approx(interval_of_score(right, None, 0.9))
    kd1 = summary.loc[("away", "kd1")]
    assert (kd1.variant, kd1.n_seeds, kd1.n_examples, kd1.confidence) == ("T4", 1, N, 0.9)
    assert (kd1.ci_low, kd1.ci_high) == pytest.approx(wilson(2, N, 0.9))


def test_constant_answers_are_scored_on_each_test_set(transfer: Transfer) -> None:
    runs = CollectTransferSpec.parse(transfer.spec).runs
    found = baselines_of(runs, Examples(transfer.examples), transfer.constants).set_index("test_task")
    # `yes` is the majority of away's training examples, and right for all of its test examples.
    assert found.score.to_dict() == {"home": 0.4, "away": 1.0}
    assert found.answer.to_dict() == {"home": "no", "away": "yes"}


def test_what_the_models_were_made_with_is_counted(transfer: Transfer) -> None:
    runs = CollectTransferSpec.parse(transfer.spec).runs
    assert count_seen(runs, Examples(transfer.examples)) == SEEN
    summary = summarised(transfer.found(), 0.9, "b0", SEEN).set_index("test_task")
    assert set(summary.n_seen["away"]) == {2}
    assert set(summary.n_seen["home"]) == {0}


def test_answers_to_other_examples_are_refused(transfer: Transfer) -> None:
    transfer.directories[1] = transfer.predictions("other", [f"elsewhere {k}" for k in range(N)], 3)
    with pytest.raises(ArtefactError, match=r"other, test split of task away: .*8 of 8 examples are missing"):
        transfer.found()


def test_damaged_answers_are_refused(transfer: Transfer) -> None:
    (transfer.directories[2] / "predictions.parquet").write_bytes(b"")
    with pytest.raises(ArtefactError, match="run2"):
        transfer.found()


def test_the_stage_and_the_table(transfer: Transfer, tmp_path: Path) -> None:
    experiment = tmp_path / "experiment"
    inputs = {"predictions": [str(path) for path in transfer.directories], "examples": transfer.examples}
    inputs |= {"collected": str(transfer.folder / "collected")}
    done = run_stage("collect_transfer.py", transfer.spec, inputs, experiment / "transfer", experiment)
    assert done.returncode == 0, done.stderr
    files = json.loads((experiment / ".made/transfer.json").read_text())["files"]
    assert set(files) == {
        "transfer/transfer.parquet",
        "transfer/transfer_summary.parquet",
        "transfer/transfer_baselines.parquet",
    }
    assert list(read_frame(experiment / "transfer/transfer.parquet")) == [
        *("task", "test_task", "role", "student", "method", "variant", "selected", "seed", "metric", "score"),
        "n_examples",
    ]
    table = table_4_7_out_of_domain.build({"transfer": experiment / "transfer"}, 0)
    assert table.data.test_task.tolist() == ["home"] * 3 + ["away"] * 3
    assert table.data.method.tolist() == ["teacher", "b0", "kd1"] * 2
    assert table.data.own_mean.tolist() == [7 / 8, 5 / 8, 1] * 2
    shown = table.shown.set_index("Method")
    assert shown["Own test set (%)"].str.split(" ").str[0].tolist() == ["88", "62", "100"]
    assert shown["Other test set (%)"].str.split(" ").str[0].tolist() == ["75", "50", "25"]
    assert "away: n = 8, 100 % by always answering the same" in table.caption
    assert "90 % interval" in table.caption
    assert "2 of the 8 test examples of away are among those that the models of home were trained on" in table.caption
    assert "With one seed they cover other examples only." in table.caption


def test_differences_on_another_task_are_those_of_the_comparison_s_test(transfer: Transfer) -> None:
    summary = summarised(transfer.found(), 0.9, "b0", SEEN).set_index(["test_task", "method"])
    kd1, b0 = summary.loc[("away", "kd1")], summary.loc[("away", "b0")]
    assert kd1.difference == pytest.approx(2 / 8 - 4 / 8)
    right = np.array([np.arange(N) < 3, np.arange(N) < 5], float)
    low, high = estimate_difference((np.arange(N) < 2)[None].astype(float), right).interval(0.9)
    assert (kd1.difference_low, kd1.difference_high) == pytest.approx((low, high))
    assert kd1.p_adjusted == kd1.p  # the only contrast there
    own = summary.loc["home"]
    assert own.difference.isna().all(), "those of the own task stand in the comparison"
    assert np.isnan(b0.difference)
