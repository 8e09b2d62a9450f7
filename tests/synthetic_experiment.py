"""A made-up experiment in the documented file formats, for tests of what comes after training: tables and figures.

Two tasks, two students, one teacher, four methods: `sentiment` with three seeds and a grid for kd1, `squad` with one
seed and questions in passages. Scores come from a model with an ability per method, an effect per seed and a difficulty
per example, so they correlate as real ones do. Everything is a function of the names: two calls write the same bytes.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from potstill.analysis.tables import error_tables
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.plan.specs.compare import ComparisonSettings
from potstill.report.collecting_transfer import summarised, transferred
from potstill.statistics.comparison import compare
from potstill.tables import write_table

TEACHER = "smollm2-135m"
STUDENTS = {"minilm-6l": 22_700_000, "minilm-2l": 15_600_000}
TEACHER_PARAMETERS = 134_500_000
GRID = {"b0": ["-"], "kd1": ["T2_a0.5", "T2_a0.9", "T4_a0.5", "T4_a0.9"], "kd2": ["-"], "kd3": ["-"]}
GAIN = {"teacher": 0.55, "b0": 0.0, "kd1": 0.30, "kd2": 0.35, "kd3": 0.12}
OTHER_TASKS = {"sentiment": "reviews-elsewhere", "squad": "questions-elsewhere"}
STEPS = 60
CHOICES = ["negative", "positive"]
THINGS = ["dog", "cat", "tree", "house", "river", "bridge", "train", "hill"]


@dataclass(frozen=True)
class Task:
    """What the generator knows of a task."""

    name: str
    kind: str
    metrics: tuple[str, ...]  # the primary one first
    examples: int
    cluster_size: int
    seeds: tuple[int, ...]
    ability: float


TASKS = (
    Task("sentiment", "classification", ("accuracy",), 400, 1, (0, 1, 2), 0.9),
    Task("squad", "extractive-qa", ("f1", "exact_match"), 240, 4, (42,), 0.1),
)


def write_collected(directory: Path) -> None:
    """Write the six tables of the collected runs."""
    directory.mkdir(parents=True, exist_ok=True)
    runs = collected_runs()
    write_table(runs, directory / "runs.parquet")
    write_table(collected_scores(runs), directory / "scores.parquet")
    write_table(_history(runs), directory / "history.parquet")
    write_table(_baselines(), directory / "baselines.parquet")
    write_table(_examples(), directory / "examples.parquet")
    write_table(_answers(runs), directory / "answers.parquet")


def write_benchmarks(directory: Path) -> None:
    """Write `benchmarks.parquet`: the teacher and each student on each task."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for task in TASKS:
        for model, parameters in {TEACHER: TEACHER_PARAMETERS, **STUDENTS}.items():
            latency = parameters * 2.1e-7 * (1 if task.kind == "classification" else 9)
            rows.append(
                {
                    "task": task.name,
                    "role": "teacher" if model == TEACHER else "student",
                    "student": model,
                    "parameters": parameters,
                    "parameters_without_embeddings": int(parameters * 0.55),
                    "bytes_on_disk": parameters * 4,
                    "latency_ms_p50": latency,
                    "latency_ms_p95": latency * 1.4,
                    "throughput_examples_per_s": 1e3 / latency * 3.2,
                    "throughput_tokens_per_s": 1e3 / latency * 3.2 * 31,
                    "peak_memory_mb": parameters * 4 / 2**20 + 420,
                    "device": "cpu",
                    "cpu": "Example CPU",
                    "threads": 2,
                    "precision": "fp32",
                }
            )
    write_table(pd.DataFrame(rows), directory / "benchmarks.parquet")


def write_comparison(directory: Path) -> None:
    """Write the tables of the comparison, as `compare.py` does with its default settings."""
    directory.mkdir(parents=True, exist_ok=True)
    runs = collected_runs()
    for name, table in compare(runs, collected_scores(runs), **ComparisonSettings().as_json()).items():
        write_table(table, directory / f"{name}.parquet")


def write_transfer(directory: Path) -> None:
    """Write `transfer.parquet` and `transfer_summary.parquet`: each task's models also on one further task."""
    directory.mkdir(parents=True, exist_ok=True)
    runs = collected_runs()
    own = collected_scores(runs)
    own = own.assign(test_task=own.task, primary=own.metric != "exact_match")
    other = own.assign(test_task=own.task.map(OTHER_TASKS))
    # On the other task one example in five is lost.
    other["score"] = other.score.where(other.example_id.map(lambda name: int(name, 16) % 5 > 0), 0.0)
    scores = pd.concat([own, other], ignore_index=True)
    write_table(transferred(scores), directory / "transfer.parquet")
    write_table(summarised(scores, 0.95, "b0", {}), directory / "transfer_summary.parquet")
    own = _baselines().rename(columns={"task": "test_task"})
    other = own.assign(test_task=own.test_task.map(OTHER_TASKS), score=own.score / 2)
    write_table(pd.concat([own, other], ignore_index=True), directory / "transfer_baselines.parquet")


def write_costs(directory: Path) -> None:
    """Write `costs.parquet`: a teacher that is not fitted; label logits shared by kd1 and kd3, answers for kd2 alone."""
    directory.mkdir(parents=True, exist_ok=True)
    rows = []
    for task in TASKS:
        seeds, runs = len(task.seeds), sum(map(len, GRID.values())) - 1
        readers = {"label_logits": 2 * 5 * seeds, "generations": 2 * seeds}
        for student in STUDENTS:
            for method, variants in GRID.items():
                number, names = len(variants) * seeds, {"task": task.name, "student": student, "method": method}
                stages = [
                    ("training", "", 20.0 * number, number, number),
                    ("prediction", "", 2.0 * number, number, number),
                ]
                if method != "b0":
                    kind = "generations" if method == "kd2" else "label_logits"
                    stages = [
                        ("teacher pass", "", 12.0, 1, 2 * runs * seeds),
                        ("targets", kind, 60.0, 2, readers[kind]),
                        *stages,
                    ]
                for stage, kind, seconds, jobs, shared in stages:
                    alone = seconds / (number if stage in ("training", "prediction") else 1)
                    row = {"baseline": method == "b0", "stage": stage, "kind": kind, "seconds": seconds, "devices": 1}
                    row |= {"device": "cpu", "jobs": jobs, "amortised_over": shared, "seconds_alone": alone}
                    rows.append(names | row | {"seconds_per_run": seconds / shared})
    write_table(pd.DataFrame(rows), directory / "costs.parquet")


def write_error_analysis(directory: Path, collected: Path) -> None:
    """Write the six tables of an error analysis, as `analyse_errors.py` does with fewer bootstrap draws."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = ErrorAnalysisSettings(draws=200)
    for name, table in error_tables(collected, {}, settings, "b0", 0.95).items():
        write_table(table, directory / f"{name}.parquet")


def collected_runs() -> pd.DataFrame:
    """One row a run, a task's teacher first."""
    rows = []
    for task in TASKS:
        rows.append(_run(task, "teacher", TEACHER, "teacher", "-", -1))
        for student in STUDENTS:
            for method, variants in GRID.items():
                rows += [
                    _run(task, "student", student, method, variant, seed) for variant in variants for seed in task.seeds
                ]
    runs = pd.DataFrame(rows)
    groups = ["task", "student", "method"]
    means = runs.groupby([*groups, "variant"], as_index=False).validation_score.mean()
    best = means.loc[means.groupby(groups).validation_score.idxmax(), [*groups, "variant"]]
    chosen = set(best.itertuples(index=False, name=None))
    runs["selected"] = [key in chosen for key in runs[[*groups, "variant"]].itertuples(index=False, name=None)]
    return runs


def _run(task: Task, role: str, student: str, method: str, variant: str, seed: int) -> dict:
    temperature, alpha = _point(variant)
    name = f"{task.name}.{student}.{method}.{variant}.s{seed}"
    scores = _scores(task, student, method, variant, seed)
    noise = _generator("validation", name).normal(0, 0.01)
    options = {} if variant == "-" else {"temperature": temperature, "alpha": alpha}
    return {
        "task": task.name,
        "kind": task.kind,
        "role": role,
        "student": student,
        "method": method,
        "variant": variant,
        "temperature": temperature,
        "alpha": alpha,
        "options": json.dumps(options),
        "seed": seed,
        "run_id": f"{name}-{_digest(name)[:8]}.{_digest('code')[:6]}",
        "path": f"results/runs/{name}-{_digest(name)[:8]}.{_digest('code')[:6]}",
        "kept": False,
        "metric": task.metrics[0],
        "validation_score": float(scores[task.metrics[0]].mean() + noise),
        "test_score": float(scores[task.metrics[0]].mean()),
        "selected": False,
        "steps": 0 if role == "teacher" else STEPS,
        "tokens_seen": 0 if role == "teacher" else STEPS * 16 * 31,
        "train_seconds": 0.0 if role == "teacher" else round(STUDENTS[student] * 1.9e-6 + 0.1 * abs(seed), 2),
        "predict_seconds": 2.5 if role == "teacher" else 1.0,
        "parameters": TEACHER_PARAMETERS if role == "teacher" else STUDENTS[student],
        "device": "cpu",
    }


def _point(variant: str) -> tuple[float, float]:
    if variant == "-":
        return float("nan"), float("nan")
    temperature, alpha = variant.removeprefix("T").split("_a")
    return float(temperature), float(alpha)


def collected_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """The tidy test scores of `runs`."""
    keys = ["task", "role", "student", "method", "variant", "seed", "selected"]
    tasks = {task.name: task for task in TASKS}
    parts = []
    for run in runs.itertuples():
        task = tasks[run.task]
        for metric, values in _scores(task, run.student, run.method, run.variant, run.seed).items():
            part = pd.DataFrame({key: getattr(run, key) for key in keys}, index=range(task.examples))
            parts.append(part.assign(**example_ids(task), metric=metric, score=values))
    return pd.concat(parts, ignore_index=True)


def example_ids(task: Task) -> dict[str, list[str]]:
    """Ids of a task's test examples and of the clusters they are in, in ascending order of example."""
    names = sorted(_digest(f"{task.name} {i}") for i in range(task.examples))
    if task.cluster_size == 1:
        return {"example_id": names, "cluster_id": names}
    return {"example_id": names, "cluster_id": [f"passage {i // task.cluster_size}" for i in range(task.examples)]}


def _scores(task: Task, student: str, method: str, variant: str, seed: int) -> dict[str, np.ndarray]:
    """Scores of one run: right where ability, seed effect, ease of the example and luck sum to more than 0."""
    temperature, alpha = _point(variant)
    ability = task.ability + GAIN[method] + {"minilm-2l": -0.25}.get(student, 0.0)
    if variant != "-":
        ability += 0.1 * (alpha - 0.5) - 0.02 * abs(temperature - 2)
    clusters = task.examples // task.cluster_size
    ease = np.repeat(_generator(task.name, "cluster").normal(0, 0.6, clusters), task.cluster_size)
    ease += _generator(task.name, "example").normal(0, 0.8, task.examples)
    taste = _generator(task.name, student, method).normal(0, 0.5, task.examples)
    effect = _generator(task.name, student, method, seed).normal(0, 0.05)
    luck = _generator(task.name, student, method, variant, seed).normal(0, 0.4, task.examples)
    right = ability + effect + ease + taste + luck > 0
    exact = right.astype(float)
    if task.kind == "classification":
        return {"accuracy": exact}
    partial = _generator("f1", task.name, student, method, variant, seed).beta(1, 3, task.examples).round(3)
    return {"f1": np.where(right, 1.0, partial), "exact_match": exact}


def _examples() -> pd.DataFrame:
    """The test examples: reviews of five to forty words, and questions that ask for one of eight things."""
    parts = []
    for task in TASKS:
        luck = _generator("examples", task.name)
        classifies = task.kind == "classification"
        n_words = luck.integers(5, 40, task.examples)
        label = luck.integers(0, 2, task.examples) if classifies else np.full(task.examples, -1)
        gold = (
            np.array(CHOICES)[label] if classifies else np.array(THINGS)[luck.integers(0, len(THINGS), task.examples)]
        )
        part = {
            "task": task.name,
            "kind": task.kind,
            **example_ids(task),
            "prompt": [" ".join(["word"] * n) for n in n_words],
            "gold": gold,
            "answers": [[answer] for answer in gold],
            "label": label.astype("int32"),
            "choices": [CHOICES if classifies else []] * task.examples,
            "n_words": n_words.astype("int32"),
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _answers(runs: pd.DataFrame) -> pd.DataFrame:
    """Answers that are right where the scores are; wrong ones are often the same, as an example suggests them."""
    examples = _examples()
    parts = []
    for run in runs[runs.selected].itertuples():
        task = next(task for task in TASKS if task.name == run.task)
        asked = examples[examples.task == run.task].reset_index(drop=True)
        right = _scores(task, run.student, run.method, run.variant, run.seed)[task.metrics[-1]] == 1
        luck = _generator("answers", run.run_id)
        margin = luck.gamma(2, 0.6, task.examples)
        label, text, logits = asked.label, asked.gold, [[]] * task.examples
        if task.kind == "classification":
            label = pd.Series(np.where(right, label, 1 - label), dtype="int32")
            text = np.array(CHOICES)[label]
            logits = [[0.0, m] if chosen else [m, 0.0] for m, chosen in zip(margin, label, strict=True)]
        else:
            tempting = np.array([f"thing {i}" for i in range(task.examples)])
            own = np.array([f"{run.method} {i}" for i in range(task.examples)])
            wrong = np.where(
                luck.random(task.examples) < 0.05, "", np.where(luck.random(task.examples) < 0.6, tempting, own)
            )
            text = np.where(right, "The " + text + ".", wrong)
        keys = {key: getattr(run, key) for key in ("task", "role", "student", "method", "variant", "seed")}
        part = pd.DataFrame(keys, index=asked.index).assign(example_id=asked.example_id, label=label)
        parts.append(part.assign(logits=logits, text=text, n_tokens=np.int32(0 if run.task == "sentiment" else 3)))
    return pd.concat(parts, ignore_index=True)


def _history(runs: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for run in runs[runs.role == "student"].itertuples():
        step = np.arange(1, STEPS + 1)
        luck = _generator("history", run.run_id)
        ce = 0.25 + 0.5 * np.exp(-step / 18) + luck.normal(0, 0.03, STEPS)
        part = pd.DataFrame(
            {
                **{key: getattr(run, key) for key in ("task", "student", "method", "variant", "seed")},
                "step": step.astype("int32"),
                "epoch": step / STEPS * 6,
                "learning_rate": 5e-5 * np.minimum(step / 6, (STEPS - step) / (STEPS - 6)),
                "gradient_norm": 1 + luck.gamma(2, 0.3, STEPS),
                "loss": ce if run.method == "b0" else ce + 0.3,
                "loss_ce": ce,
                "loss_kd": np.full(STEPS, np.nan) if run.method == "b0" else np.full(STEPS, 0.3),
                "validation_loss": np.where(step % 10 == 0, ce + 0.05, np.nan),
                "validation_score": np.where(step % 10 == 0, 0.5 + 0.2 * (1 - np.exp(-step / 18)), np.nan),
            }
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _baselines() -> pd.DataFrame:
    rows = [
        ("sentiment", "accuracy", "majority class", "positive", 0.51),
        ("squad", "f1", "most frequent answer", "two", 0.021),
        ("squad", "exact_match", "most frequent answer", "two", 0.004),
    ]
    return pd.DataFrame(rows, columns=["task", "metric", "baseline", "answer", "score"])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _generator(*purpose: object) -> np.random.Generator:
    return np.random.default_rng(int(_digest(repr(purpose)), 16))
