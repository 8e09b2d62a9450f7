"""What the report is written from: the tables of an experiment's data products, read once and checked for their columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from potstill.errors import ArtefactError
from potstill.tables import read_frame

# product/table -> the columns that the report reads. Tables of a product that an experiment does not have are empty.
COLUMNS: dict[str, tuple[str, ...]] = {
    "collected/runs": (
        "task", "kind", "role", "student", "method", "variant", "options", "seed", "run_id", "selected", "kept", "device",
        "train_seconds",
    ),
    "collected/baselines": ("task", "metric", "baseline", "answer", "score"),
    "comparison/summary": (
        "task", "role", "student", "method", "variant", "metric", "selected", "primary", "n_seeds", "n_examples", "mean",
        "ci_low", "ci_high", "validation_mean", "confidence", "trials", "tied",
    ),
    "comparison/contrasts": (
        "task", "student", "method", "variant", "other", "metric", "role", "difference", "ci_low", "ci_high", "p_adjusted",
        "adjustment", "mde", "power", "seeds_needed", "examples_needed", "n_seeds", "n_examples", "n_clusters",
        "confidence", "note",
    ),
    "comparison/retention": (
        "task", "student", "method", "variant", "metric", "margin", "retention", "ci_low", "ci_high", "lower_bound",
        "p_holm", "keeps", "detectable", "power", "n_seeds", "n_examples", "parameters", "teacher_parameters",
    ),
    "comparison/wins": ("student", "method", "n_tasks", "tasks_won", "which"),
    "transfer/transfer_summary": (
        "task", "test_task", "student", "method", "difference", "difference_low", "difference_high", "p_adjusted",
        "n_seeds", "n_examples", "n_seen", "confidence",
    ),
    "error_analysis/warnings": ("task", "student", "method", "kind", "text"),
    "error_analysis/differing": (
        "task", "example_id", "prompt", "gold", "role", "student", "method", "answer", "share_right", "spread",
    ),
    "error_analysis/agreement": (
        "task", "student", "method", "variant", "seed", "agreement", "both_right", "inherited", "both_wrong_differently",
        "unlearned", "only_student", "inherited_share", "kl", "n_examples",
    ),
    "error_analysis/options": ("task", "role", "student", "method", "option", "share"),
    "error_analysis/slices": (
        "task", "student", "method", "slice", "value", "n_examples", "score", "ci_low", "ci_high", "teacher_score",
        "baseline_score",
    ),
    "costs/costs": (
        "task", "student", "method", "stage", "kind", "seconds", "devices", "device", "jobs", "amortised_over",
        "seconds_per_run",
    ),
}  # fmt: skip
REQUIRED = ("collected", "comparison")


@dataclass(frozen=True)
class Evidence:
    """The tables, by product and name; formats: "Collected" and "Comparison" in docs/architecture.md."""

    frames: Mapping[str, pd.DataFrame]

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.frames[name]


def read_evidence(folders: Mapping[str, Path]) -> Evidence:
    """Read every table of `COLUMNS` whose product is in `folders` (product -> its folder).

    Raises:
        ArtefactError: a table is missing, damaged or without one of its columns.
    """
    frames = {}
    for name, columns in COLUMNS.items():
        product, _, table = name.partition("/")
        if product in folders:
            path = folders[product] / f"{table}.parquet"
            frame = read_frame(path)
            if missing := [column for column in columns if column not in frame]:
                raise ArtefactError(f"{path}: no column {', '.join(missing)}, which the report reads")
            frames[name] = frame
        elif product in REQUIRED:
            raise ArtefactError(f"the report needs the product {product}")
        else:
            frames[name] = pd.DataFrame(columns=list(columns))
    return Evidence(frames)
