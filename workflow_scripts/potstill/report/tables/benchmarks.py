"""Size and speed of the teacher and of each student."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from potstill.report.table import Table, number, rows
from potstill.tables import read_frame


def build(folders: Mapping[str, Path], digits: int) -> Table:
    """One row per task and model, as measured."""
    data = read_frame(folders["collected_benchmarks"] / "benchmarks.parquet").rename(columns={"student": "model"})
    cells = [
        {
            "Task": row.task,
            "Model": row.model,
            "Params (M)": number(row.parameters / 1e6, 1),
            "Body (M)": number(row.parameters_without_embeddings / 1e6, 1),
            "Disk (MB)": number(row.bytes_on_disk / 1e6, 0),
            "p50 (ms)": number(row.latency_ms_p50, digits),
            "p95 (ms)": number(row.latency_ms_p95, digits),
            "Ex./s": number(row.throughput_examples_per_s, digits),
            "Tok./s": number(row.throughput_tokens_per_s, 0),
            "Peak (MB)": number(row.peak_memory_mb, 0),
        }
        for row in rows(data)
    ]
    machines = data[["device", "cpu", "threads", "precision"]].drop_duplicates()
    where = "; ".join(f"{m.device}, {m.cpu}, {m.threads} thread(s), {m.precision}" for m in rows(machines))
    caption = (
        f"Size and speed, measured one model at a time after a warm-up ({where}). Params: parameters, in millions; body: "
        "without embeddings; disk: the model's files; peak: memory at its highest while it ran. p50 and p95: median and 95th "
        "percentile of the latency at batch size 1; examples and tokens a second at the experiment's batch size."
    )
    return Table(data, pd.DataFrame(cells), caption, heading="Task")
