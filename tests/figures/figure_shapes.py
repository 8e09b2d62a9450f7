"""The catalogue of figures, and small made-up results in the documented formats, of any shape.

Only the columns that figures read, and only as much truth as a picture needs: scores are a level per method and model
with seed noise, intervals are wider than the seeds' spread.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from potstill.plan.specs.figure import FigureSettings
from potstill.tables import write_table

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = {
    name: FigureSettings.parse(entry)
    for name, entry in yaml.safe_load((ROOT / "config" / "figures.yaml").read_text(encoding="utf-8")).items()
}

METRICS = {"sst2": "accuracy", "rotten_tomatoes": "accuracy", "squad": "f1", "gsm8k": "exact_match"}
GAIN = {"b0": 0.0, "kd1": 0.06, "kd2": 0.05, "kd3": 0.02, "kd1_contrastive_with_a_long_name": 0.03}


@dataclass(frozen=True)
class Shape:
    """How large an experiment is."""

    tasks: tuple[str, ...] = ("rotten_tomatoes",)
    students: dict[str, int] = field(default_factory=lambda: {"minilm-6l": 22_700_000, "minilm-2l": 15_600_000})
    methods: tuple[str, ...] = ("b0", "kd1", "kd2", "kd3")
    seeds: int = 3
    teacher: tuple[str, int] = ("smollm2-135m", 134_500_000)
    steps: int = 60

    def write(self, root: Path) -> dict[str, Path]:
        """Write all three products below `root`; returns their directories by name."""
        rng = np.random.default_rng(7)
        runs, history = [], []
        for task in self.tasks:
            common = {"task": task, "metric": METRICS[task]}
            name, parameters = self.teacher
            runs.append(
                {**common, "role": "teacher", "student": name, "method": "teacher", "variant": "-", "seed": -1}
                | {"test_score": 0.81, "selected": True, "parameters": parameters}
            )
            for place, (student, parameters) in enumerate(self.students.items()):
                for method in self.methods:
                    for variant in ("T2_a0.5", "T4_a0.5") if method == "kd1" else ("-",):
                        for seed in range(self.seeds):
                            score = 0.74 - 0.07 * place + GAIN[method] + rng.normal(0, 0.008)
                            run = {**common, "role": "student", "student": student, "method": method}
                            run |= {"variant": variant, "seed": seed, "test_score": score, "parameters": parameters}
                            runs.append(run | {"selected": variant in ("-", "T2_a0.5")})
                            history.append(self._history(run, rng))
        products = {name: root / name for name in ("collected", "collected_benchmarks", "comparison", "transfer")}
        for folder in products.values():
            folder.mkdir(parents=True)
        frame = pd.DataFrame(runs)
        write_table(frame, products["collected"] / "runs.parquet")
        write_table(pd.concat(history, ignore_index=True), products["collected"] / "history.parquet")
        summary = self._summary(frame)
        write_table(summary, products["comparison"] / "summary.parquet")
        write_table(self._contrasts(summary), products["comparison"] / "contrasts.parquet")
        self._transfer(frame, products["transfer"])
        write_table(self._benchmarks(), products["collected_benchmarks"] / "benchmarks.parquet")
        return products

    def _transfer(self, runs: pd.DataFrame, folder: Path) -> None:
        """Every task's models on the first of the other tasks, or on `imdb` where there is one task; points are lost."""
        parts = [runs.assign(test_task=runs["task"])]
        for task, part in runs.groupby("task", sort=False):
            other = next((name for name in self.tasks if name != task), "imdb")
            lost = 0.11 + 0.02 * (part["method"] == "kd2")
            parts.append(part.assign(test_task=other, test_score=part["test_score"] - lost))
        frame = pd.concat(parts, ignore_index=True)
        keys = ["task", "test_task", "role", "student", "method", "variant", "metric"]
        columns = [*keys, "selected", "seed", "score", "n_examples"]
        write_table(
            frame.rename(columns={"test_score": "score"}).assign(n_examples=500)[columns], folder / "transfer.parquet"
        )
        means = frame[frame["selected"]].groupby(keys, sort=False, as_index=False)
        means = means.agg(mean=("test_score", "mean"), n_seeds=("seed", "nunique"))
        means = means.assign(
            ci_low=means["mean"] - 0.03, ci_high=means["mean"] + 0.028, n_examples=500, confidence=0.95
        )
        write_table(means, folder / "transfer_summary.parquet")
        constants = means[["test_task", "metric"]].drop_duplicates().assign(baseline="majority class", score=0.52)
        write_table(constants, folder / "transfer_baselines.parquet")

    def _history(self, run: dict, rng: np.random.Generator) -> pd.DataFrame:
        step = np.arange(1, self.steps + 1)
        ce = 0.3 + 0.5 * np.exp(-4 * step / self.steps) + rng.normal(0, 0.03, self.steps)
        kd = 0.8 * np.exp(-3 * step / self.steps) + 0.2 + rng.normal(0, 0.05, self.steps)
        has_kd = run["method"].startswith("kd") and run["method"] != "kd2"
        columns = {name: run[name] for name in ("task", "student", "method", "variant", "seed")}
        every = max(1, self.steps // 6)
        return pd.DataFrame(
            {
                **columns,
                "step": step.astype("int32"),
                "loss": (ce + kd) / 2 if has_kd else ce,
                "loss_ce": ce,
                "loss_kd": kd if has_kd else np.nan,
                "loss_feature": kd * 1.5 if run["method"] == "kd3" else np.nan,
                "validation_loss": np.where(step % every == 0, ce + 0.1, np.nan),
            }
        )

    def _summary(self, runs: pd.DataFrame) -> pd.DataFrame:
        keys = ["task", "role", "student", "method", "variant", "metric"]
        frame = runs.groupby(keys, sort=False, as_index=False).agg(
            selected=("selected", "first"), n_seeds=("seed", "nunique"), mean=("test_score", "mean")
        )
        frame = frame.assign(ci_low=frame["mean"] - 0.024, ci_high=frame["mean"] + 0.021, primary=True, confidence=0.95)
        other = frame.assign(metric="another", primary=False, mean=0.1)
        return pd.concat([frame, other], ignore_index=True)

    def _contrasts(self, summary: pd.DataFrame) -> pd.DataFrame:
        chosen = summary[summary["selected"] & summary["primary"] & (summary["role"] == "student")]
        baseline = chosen[chosen["method"] == "b0"].set_index(["task", "student"])["mean"]
        frame = chosen[chosen["method"] != "b0"].reset_index(drop=True)
        difference = (
            frame["mean"].to_numpy() - baseline.loc[list(zip(frame.task, frame.student, strict=True))].to_numpy()
        )
        half = 0.02 + 0.004 * (np.arange(len(frame)) % 3)
        return frame[["task", "student", "method", "n_seeds"]].assign(
            baseline="b0",
            difference=difference,
            ci_low=difference - half,
            ci_high=difference + half,
            mde=1.4 * half,
            n_examples=1000,
            confidence=0.95,
        )

    def _benchmarks(self) -> pd.DataFrame:
        rows = []
        for k, task in enumerate(self.tasks):
            models = [("teacher", *self.teacher), *(("student", *student) for student in self.students.items())]
            for role, name, parameters in models:
                latency = 2.0 + parameters * 2.1e-7 * (1 + 4 * k)
                rows.append(
                    {"task": task, "role": role, "student": name, "parameters": parameters}
                    | {"bytes_on_disk": parameters * 4, "peak_memory_mb": parameters * 4 / 2**20 + 420}
                    | {"latency_ms_p50": latency, "latency_ms_p95": latency * (1.15 + 0.1 * k)}
                    | {
                        "device": "cpu",
                        "cpu": "Intel(R) Xeon(R) Processor @ 2.80GHz",
                        "threads": 2,
                        "precision": "fp32",
                    }
                )
        return pd.DataFrame(rows)


LONG = {"TinyLlama-1.1B-Chat-v1.0": 1_100_000_000, "SmolLM2-360M-Instruct-8bit": 362_000_000}
SHAPES = {
    "demo": Shape(),
    "one_student_one_seed": Shape(students={"minilm-2l": 15_600_000}, seeds=1),
    "thesis": Shape(
        tasks=("sst2", "squad"), students=LONG, seeds=3, teacher=("Qwen2.5-7B-Instruct", 7_615_000_000), steps=1_000
    ),
    "long_names": Shape(
        students={"TinyLlama-1.1B-Chat-v1.0": 1_100_000_000},
        methods=("b0", "kd1", "kd2", "kd3", "kd1_contrastive_with_a_long_name"),
        seeds=2,
        teacher=("Qwen2.5-7B-Instruct", 7_615_000_000),
    ),
    "large": Shape(
        tasks=("sst2", "squad", "gsm8k"),
        students={"minilm-2l": 15_600_000, **LONG},
        methods=("b0", "kd1", "kd2", "kd3", "kd1_contrastive_with_a_long_name"),
        seeds=10,
        teacher=("Qwen2.5-7B-Instruct", 7_615_000_000),
        steps=300,
    ),
}
