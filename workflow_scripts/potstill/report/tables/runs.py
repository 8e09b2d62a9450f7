"""Which artefact holds which run: a readable name for every run, and where it lies."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import Table, rows
from potstill.tables import read_frame

COLUMNS = [
    "name", "path", "run_id", "task", "role", "student", "method", "variant", "options", "seed", "selected", "kept",
    "metric", "validation_score", "test_score", "steps", "tokens_seen", "train_seconds", "device",
]  # fmt: skip


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row a run, in the order of the experiment."""
    runs = read_frame(folders["collected"] / "runs.parquet")
    names = [
        " ".join([run.task, run.student, run.method, *([] if run.variant == "-" else [run.variant])])
        + (f" seed {run.seed}" if run.seed >= 0 else "")
        for run in rows(runs)
    ]
    shown = pd.DataFrame({"Run": names, "Artefact": runs.run_id})
    return Table(runs.assign(name=names)[COLUMNS], shown, "Every run of this experiment and the folder that holds it.")
