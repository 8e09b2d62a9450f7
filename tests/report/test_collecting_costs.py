"""What the jobs took, added up by hand: who rests on which job, and that nothing is counted twice or lost."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from potstill.artefacts import writing
from potstill.errors import ArtefactError
from potstill.plan.specs.costs import CollectCostsSpec
from potstill.report.collecting_costs import COLUMNS, collect_costs, teacher_jobs
from potstill.report.tables import table_4_6_cost
from potstill.tables import read_frame, write_table
from test_collecting import run_stage

# One task; b0 has two runs, kd1 two points of a grid of which the second reads targets of its own as well, kd3 one run.
SPEC = {
    "baseline": "b0",
    "targets": [
        {"task": "t", "kind": "label_logits", "shards": [0, 1]},
        {"task": "t", "kind": "token_logits", "shards": [2]},
    ],
    "runs": [
        {"task": "t", "student": "s", "method": "b0"},
        {"task": "t", "student": "s", "method": "b0"},
        {"task": "t", "student": "s", "method": "kd1", "targets": [0], "fit": True, "teacher": True},
        {"task": "t", "student": "s", "method": "kd1", "targets": [0, 1], "fit": True, "teacher": True},
        {"task": "t", "student": "s", "method": "kd3", "targets": [0], "fit": True, "teacher": True},
    ],
}
SHARDS = [(20, 1), (10, 3), (90, 1)]  # seconds, devices
RUNS = [(10, 1, 1), (14, 1, 1), (20, 2, 1), (30, 2, 1), (16, 2, 2)]  # training, prediction, devices
FIT, PASS = 300, 60


class Jobs:
    """The folders of these jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards = [self.shard(f"shard{k}", *shard) for k, shard in enumerate(SHARDS)]
        self.runs = [self.run(f"run{k}", *run) for k, run in enumerate(RUNS)]
        self.fit = self.run("fit", FIT, 7, None)  # of before jobs could have several devices
        self.predictions = self.run("predictions", None, PASS, 1)

    def shard(self, name: str, seconds: float, devices: int) -> Path:
        with writing(self.folder / name, spec={}, devices=devices, device="cuda") as folder:
            (folder / "targets").write_text("")
        path = self.folder / name / "manifest.json"
        manifest = json.loads(path.read_text())
        del manifest["checksum"], manifest["commit"]  # as before records were sealed: they may be changed
        path.write_text(json.dumps(manifest | {"seconds": seconds}))
        return path.parent

    def run(self, name: str, train: float | None, predict: float, devices: int | None) -> Path:
        facts: dict[str, object] = {"predict_seconds": predict, "device": "cuda"}
        facts |= {} if train is None else {"train_seconds": train}
        facts |= {} if devices is None else {"devices": devices}
        with writing(self.folder / name, spec={}) as folder:
            (folder / "run.json").write_text(json.dumps(facts))
        return self.folder / name

    def collected(self, spec: dict = SPEC) -> pd.DataFrame:
        fits, passes = teacher_jobs({"t": self.fit}, "train"), teacher_jobs({"t": self.predictions}, "predict")
        return collect_costs(CollectCostsSpec.parse(spec), self.runs, self.shards, fits, passes)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


def test_each_method_bears_what_its_runs_rest_on(jobs: Jobs) -> None:
    table = jobs.collected().set_index(["method", "stage", "kind"])
    assert table.index.tolist() == [
        ("b0", "training", ""),
        ("b0", "prediction", ""),
        ("kd1", "teacher fit", ""),
        ("kd1", "teacher pass", ""),
        ("kd1", "targets", "label_logits"),
        ("kd1", "targets", "token_logits"),
        ("kd1", "training", ""),
        ("kd1", "prediction", ""),
        ("kd3", "teacher fit", ""),
        ("kd3", "teacher pass", ""),
        ("kd3", "targets", "label_logits"),
        ("kd3", "training", ""),
        ("kd3", "prediction", ""),
    ]
    numbers = table[["seconds", "jobs", "amortised_over", "seconds_alone", "seconds_per_run"]]
    # Three runs share the fit, the pass and the label logits (20 + 3 * 10 s); one of kd1's two reads the token logits.
    assert numbers.loc[("b0", "training", "")].tolist() == [24, 2, 2, 12, 12]
    assert numbers.loc[("kd1", "teacher fit", "")].tolist() == [300, 1, 3, 300, 100]
    assert numbers.loc[("kd1", "teacher pass", "")].tolist() == [60, 1, 3, 60, 20]
    assert numbers.loc[("kd1", "targets", "label_logits")].tolist() == pytest.approx([50, 2, 3, 50, 50 / 3])
    assert numbers.loc[("kd1", "targets", "token_logits")].tolist() == [90, 1, 1, 45, 45]
    assert numbers.loc[("kd1", "training", "")].tolist() == [50, 2, 2, 25, 25]
    assert numbers.loc[("kd3", "training", "")].tolist() == [32, 1, 1, 32, 32]  # 16 s on two devices
    assert table.devices.loc[("kd1", "targets", "label_logits")] == 3
    assert table.baseline.tolist() == [True] * 2 + [False] * 11


def test_the_shares_of_all_runs_are_all_that_was_spent(jobs: Jobs) -> None:
    table = jobs.collected()
    runs = table[table.stage == "training"].set_index("method").jobs
    shared = (table.seconds_per_run * table.method.map(runs)).sum()
    spent = FIT + PASS + sum(s * d for s, d in SHARDS) + sum((train + predict) * d for train, predict, d in RUNS)
    assert shared == pytest.approx(spent)


def test_a_job_that_did_not_tell_its_time_leaves_the_sum_unknown(jobs: Jobs, tmp_path: Path) -> None:
    jobs.runs[0] = jobs.run("old", None, 1, 1)
    table = jobs.collected()
    assert np.isnan(table[(table.method == "b0") & (table.stage == "training")].seconds_alone.item())
    write_table(table, tmp_path / "costs.parquet")
    shown = table_4_6_cost.build({"costs": tmp_path}, 1)
    assert shown.shown.Alone.tolist()[0] == "--"
    assert "before times were recorded" in shown.caption


def test_a_damaged_record_is_an_error_that_names_it(jobs: Jobs) -> None:
    (jobs.runs[2] / "run.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"run2/run\.json"):
        jobs.collected()


def test_the_stage_and_the_table_by_hand(jobs: Jobs, tmp_path: Path) -> None:
    inputs = {"runs": [str(p) for p in jobs.runs], "targets": [str(p) for p in jobs.shards]}
    inputs |= {"predictions": {"t": str(jobs.predictions)}, "fits": {"t": str(jobs.fit)}}
    experiment = tmp_path / "experiment"
    done = run_stage("collect_costs.py", SPEC, inputs, experiment / "costs", experiment)
    assert done.returncode == 0, done.stderr
    assert list(read_frame(experiment / "costs/costs.parquet")) == COLUMNS
    table = table_4_6_cost.build({"costs": experiment / "costs"}, 1)
    rows = table.data.set_index("method")
    assert rows.alone.to_dict() == pytest.approx({"b0": 12, "kd1": 300 + 60 + 50 + 45 + 25, "kd3": 300 + 60 + 50 + 32})
    assert rows.amortised.to_dict() == pytest.approx({"b0": 12, "kd1": 120 + 50 / 3 + 70, "kd3": 120 + 50 / 3 + 32})
    assert rows.alone_times_baseline.to_dict() == pytest.approx({"b0": 1, "kd1": 40, "kd3": 442 / 12})
    assert rows.runs.to_dict() == {"b0": 2, "kd1": 2, "kd3": 1}
    assert rows.loc["b0", ["teacher_fit", "teacher_pass", "targets"]].isna().all()
    assert table.shown.iloc[1].tolist() == ["", "", "kd1", "2", "300", "60", "95", "25", "480 (40.0)", "207 (17.2)"]
    assert "cuda, up to 3 at once" in table.caption
    assert "Fit: training of the teacher" in table.caption
