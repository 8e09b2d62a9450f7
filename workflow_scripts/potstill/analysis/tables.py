"""All tables of an error analysis; formats: "Error analysis" in docs/architecture.md."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa

from potstill.analysis import agreement, calibration, differing, shortcuts, slices
from potstill.analysis.answers import read_results
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.tables import read_frame


def error_tables(
    collected: Path,
    columns: Mapping[str, pd.DataFrame],
    settings: ErrorAnalysisSettings,
    baseline: str,
    confidence: float,
) -> dict[str, pa.Table]:
    """Every table by its name; one to which nothing applies is empty, with its columns.

    Args:
        collected: the folder of the collected runs.
        columns: task -> `example_id` and the columns of its data that slices name.
        baseline: the method that slices compare with; `confidence`: level of all intervals.

    Raises:
        ArtefactError: a collected table is missing or damaged.
        DataError: collected tables, or a task's data, do not belong together.
    """
    results = read_results(collected)
    baselines = read_frame(collected / "baselines.parquet")
    tables = {
        "agreement": (agreement.agreement(results, confidence), agreement.SCHEMA),
        "calibration": (calibration.calibration(results, settings, confidence), calibration.SCHEMA),
        "options": (shortcuts.options(results, settings.options), shortcuts.OPTION_SCHEMA),
        "warnings": (shortcuts.warnings(results, baselines, settings, confidence), shortcuts.WARNING_SCHEMA),
        "slices": (slices.slices(results, columns, settings, baseline, confidence), slices.SCHEMA),
        "differing": (differing.differing(results, settings.examples_shown), differing.SCHEMA),
    }
    return {name: pa.Table.from_pandas(frame, schema, preserve_index=False) for name, (frame, schema) in tables.items()}
