"""Tables of an experiment's end products with the columns of docs/architecture.md, to plant a case in.

`evidence(students=[student("small", "kd1", 0.98)], ...)` has the tables that the verdict reads; what is not said is quiet: a
teacher at 80 %, intervals of a point, nothing significant, no warnings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from potstill.report.evidence import COLUMNS, Evidence
from potstill.tables import write_table

TEACHER_SCORE, TEACHER_PARAMETERS = 0.8, 100e6


@dataclass(frozen=True)
class Student:
    """One selected variant on one task; shares of the teacher's score."""

    student: str
    method: str
    retention: float
    low: float
    high: float
    keeps: bool
    parameters: float = 10e6
    validation: float = 0.7
    gain: float = 0.0
    gain_low: float = -0.01
    gain_high: float = 0.01
    p: float = 0.5
    mde: float = 0.02
    detectable: float = 0.99
    trials: int = 1
    tied: bool = False


def student(
    name: str, method: str, retention: float, half: float = 0.01, keeps: bool = False, **more: object
) -> Student:
    """A student whose share of the teacher has an interval of `half` to each side."""
    return Student(name, method, retention, retention - half, retention + half, keeps, **more)  # type: ignore[arg-type]


def better(entry: Student, gain: float = 0.05, p: float = 0.001) -> Student:
    """The same, with a gain over the baseline that is shown."""
    return replace(entry, gain=gain, gain_low=gain - 0.02, gain_high=gain + 0.02, p=p)


def evidence(
    tasks: dict[str, Sequence[Student]],
    *,
    seeds: int = 3,
    examples: int = 1000,
    clusters: int | None = None,
    margin: float = 0.97,
    constant: float = 0.5,
    kept_runs: int = 0,
    **tables: pd.DataFrame,
) -> Evidence:
    """The tables for `tasks` (name -> its students); further `tables` by name replace or add: `warnings=...`."""
    common = {"metric": "accuracy", "n_examples": examples, "n_seeds": seeds}
    summary, retention, contrasts, runs = [], [], [], []
    for task, students in tasks.items():
        summary.append(_score(task, "teacher", "big", "teacher", TEACHER_SCORE, common | {"n_seeds": 1}))
        runs.append(_run(task, "teacher", "big", "teacher", -1))
        for entry in students:
            names = {"task": task, "student": entry.student, "method": entry.method, "variant": "-"}
            score = entry.retention * TEACHER_SCORE
            row = _score(task, "student", entry.student, entry.method, score, common)
            summary.append(row | {"validation_mean": entry.validation, "trials": entry.trials, "tied": entry.tied})
            retention.append(
                names
                | common
                | {
                    "margin": margin,
                    "retention": entry.retention,
                    "ci_low": entry.low,
                    "ci_high": entry.high,
                    "lower_bound": entry.low + 0.1 * (entry.high - entry.low),
                    "p": 0.01 if entry.keeps else 0.6,
                    "p_holm": 0.02 if entry.keeps else 0.6,
                    "keeps": entry.keeps,
                    "detectable": entry.detectable,
                    "power": 0.8,
                    "parameters": entry.parameters,
                    "teacher_parameters": TEACHER_PARAMETERS,
                    "note": "",
                }
            )
            if entry.method != "b0":
                contrasts.append(names | common | _contrast(entry, examples if clusters is None else clusters))
            runs += [_run(task, "student", entry.student, entry.method, seed) for seed in range(seeds)]
    runs_table = pd.DataFrame(runs)
    runs_table["kept"] = [i < kept_runs for i in range(len(runs_table))]
    frames = {
        "collected/runs": runs_table,
        "collected/baselines": pd.DataFrame(
            [
                {"task": task, "metric": "accuracy", "baseline": "majority class", "answer": "no", "score": constant}
                for task in tasks
            ]
        ),
        "comparison/summary": pd.DataFrame(summary),
        "comparison/contrasts": pd.DataFrame(
            contrasts, columns=None if contrasts else list(COLUMNS["comparison/contrasts"])
        ),
        "comparison/retention": pd.DataFrame(retention),
    }
    short = {name.partition("/")[2]: name for name in COLUMNS}
    frames |= {short[name]: table for name, table in tables.items()}
    return Evidence({name: frames.get(name, pd.DataFrame(columns=list(columns))) for name, columns in COLUMNS.items()})


def write(found: Evidence, folder) -> dict:
    """Write the tables as the stages do; the folders by product."""
    folders = {}
    for name, table in found.frames.items():
        product, _, file = name.partition("/")
        if len(table) or product in ("collected", "comparison"):
            folders[product] = folder / product
            folders[product].mkdir(parents=True, exist_ok=True)
            write_table(table, folders[product] / f"{file}.parquet")
    for product in folders:  # a product is there with all its tables
        for name, columns in COLUMNS.items():
            path = folder / f"{name}.parquet"
            if name.startswith(f"{product}/") and not path.exists():
                write_table(pd.DataFrame(columns=list(columns)), path)
    return folders


def _score(task: str, role: str, name: str, method: str, score: float, common: dict) -> dict:
    return {
        "task": task,
        "role": role,
        "student": name,
        "method": method,
        "variant": "-",
        **common,
        "selected": True,
        "primary": True,
        "mean": score,
        "sd": 0.01,
        "ci_low": score - 0.01,
        "ci_high": score + 0.01,
        "retention": score / TEACHER_SCORE,
        "validation_mean": float("nan"),
        "confidence": 0.95,
        "trials": 1,
        "tied": False,
    }


def _contrast(entry: Student, clusters: int) -> dict:
    return {
        "other": "b0",
        "other_variant": "-",
        "role": "confirmatory",
        "family": "task",
        "difference": entry.gain,
        "ci_low": entry.gain_low,
        "ci_high": entry.gain_high,
        "p": entry.p,
        "p_adjusted": entry.p,
        "adjustment": "holm",
        "mde": entry.mde,
        "power": 0.8,
        "seeds_needed": float("nan"),
        "examples_needed": float("nan"),
        "n_clusters": clusters,
        "confidence": 0.95,
        "note": "",
    }


def _run(task: str, role: str, name: str, method: str, seed: int) -> dict:
    return {
        "task": task,
        "kind": "classification",
        "role": role,
        "student": name,
        "method": method,
        "variant": "-",
        "options": '{"temperature": 2.0, "alpha": 0.5}' if method == "kd1" else "{}",
        "seed": seed,
        "run_id": f"{task}.{name}.{method}.s{seed}-0123456789.abcdef",
        "selected": True,
        "device": "cpu",
        "train_seconds": 0.0 if role == "teacher" else 60.0,
    }
