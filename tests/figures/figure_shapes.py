"""The catalogue of figures, and small made-up results in the documented formats, of any shape.

Only the columns that figures read, and only as much truth as a picture needs: scores are a level per method and model
with seed noise, intervals are wider than the seeds' spread.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import made_up_products
import numpy as np
import pandas as pd
import yaml
from made_up_products import CLASSES
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
    temperatures: tuple[float, ...] = (2.0, 4.0)
    alphas: tuple[float, ...] = (0.5, 1.0)
    without_logits: tuple[str, ...] = ()  # classifications of which the teacher's logits were not stored

    def variants(self, method: str) -> list[tuple[str, float, float]]:
        """Name, temperature and alpha of each variant: kd1 has a grid."""
        if method != "kd1":
            return [("-", np.nan, np.nan)]
        return [(f"T{t:g}_a{a:g}", t, a) for t in self.temperatures for a in self.alphas]

    def write(self, root: Path) -> dict[str, Path]:
        """Write all products below `root`; returns their directories by name."""
        rng = np.random.default_rng(7)
        runs, history = [], []
        for task in self.tasks:
            common = {"task": task, "kind": "classification" if task in CLASSES else "extractive-qa"}
            common["metric"] = METRICS[task]
            name, parameters = self.teacher
            runs.append(
                {**common, "role": "teacher", "student": name, "method": "teacher", "variant": "-", "seed": -1}
                | {"temperature": np.nan, "alpha": np.nan, "options": "{}"}
                | {"validation_score": 0.8, "test_score": 0.81, "selected": True, "parameters": parameters}
            )
            for place, (student, parameters) in enumerate(self.students.items()):
                for method in self.methods:
                    for number, (variant, temperature, alpha) in enumerate(self.variants(method)):
                        options = {} if variant == "-" else {"temperature": temperature, "alpha": alpha}
                        for seed in range(self.seeds):
                            level = 0.74 - 0.07 * place + GAIN[method] - 0.004 * number
                            run = {**common, "role": "student", "student": student, "method": method}
                            run |= {"variant": variant, "seed": seed, "parameters": parameters, "selected": number == 0}
                            run |= {"temperature": temperature, "alpha": alpha, "options": json.dumps(options)}
                            run["validation_score"] = level + rng.normal(0, 0.008)
                            run["test_score"] = level + rng.normal(0, 0.008)
                            runs.append(run)
                            if number < 2:
                                history.append(self._history(run, rng))
        frame = pd.DataFrame(runs)
        summary, transfer = made_up_products.summary(frame), made_up_products.transfer(frame)
        sizes = {**self.students, self.teacher[0]: self.teacher[1]}
        written = {
            "collected/runs": frame,
            "collected/history": pd.concat(history, ignore_index=True),
            "collected/answers": made_up_products.answers(frame, self.without_logits, rng),
            "comparison/summary": summary,
            "comparison/contrasts": made_up_products.contrasts(summary),
            "comparison/retention": made_up_products.retention(summary, sizes),
            "comparison/budget": made_up_products.budget(frame),
            "error_analysis/agreement": made_up_products.agreement(frame, rng),
            "error_analysis/calibration": made_up_products.calibration(summary, rng),
            "transfer/transfer": transfer,
            "transfer/transfer_summary": made_up_products.transfer_summary(transfer),
            "transfer/transfer_baselines": made_up_products.transfer_baselines(transfer),
            "collected_benchmarks/benchmarks": self._benchmarks(),
        }
        for name, content in written.items():
            path = root / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_table(content, path)
        return {name.partition("/")[0]: root / name.partition("/")[0] for name in written}

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
        tasks=("sst2", "squad"),
        students=LONG,
        seeds=3,
        teacher=("Qwen2.5-7B-Instruct", 7_615_000_000),
        steps=1_000,
        temperatures=(1.0, 2.0, 4.0, 8.0),
        alphas=(0.1, 0.3, 0.5, 0.7),
    ),
    "long_names": Shape(
        students={"TinyLlama-1.1B-Chat-v1.0": 1_100_000_000},
        methods=("b0", "kd1", "kd2", "kd3", "kd1_contrastive_with_a_long_name"),
        seeds=2,
        teacher=("Qwen2.5-7B-Instruct", 7_615_000_000),
    ),
    "no_teacher_logits": Shape(
        tasks=("sst2", "rotten_tomatoes"),
        students={"minilm-2l": 15_600_000},
        methods=("b0", "kd1"),
        seeds=2,
        without_logits=("sst2",),
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
