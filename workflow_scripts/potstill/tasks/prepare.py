"""From a data set's files to the four tables of examples that everything else reads."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from potstill.artefacts import MANIFEST
from potstill.errors import DataError
from potstill.plan.specs.prepare import PrepareSpec, parse_slice
from potstill.tables import write_table
from potstill.tasks.describe import describe
from potstill.tasks.examples import examples
from potstill.tasks.formats import Rows, read_rows
from potstill.tasks.splits import cut_validation, shuffled, sliced, unique, without_overlap

SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("cluster_id", pa.string()),
        ("text", pa.string()),
        ("prompt", pa.string()),
        ("answers", pa.list_(pa.string())),
        ("label", pa.int32()),
        ("choices", pa.list_(pa.string())),
    ]
)


def write_examples(spec: PrepareSpec, dataset: Path, folder: Path) -> dict[str, Any]:
    """Write `<split>.parquet` for the four splits and `report.json` into `folder`; return the report.

    Raises:
        DataError: the data set cannot be used as the spec says; names file and row, column or slice.
    """
    splits, report = prepare(spec, dataset)
    for name, frame in splits.items():
        frame = frame.sort_values("example_id")
        write_table(pa.Table.from_pandas(frame[SCHEMA.names], SCHEMA, preserve_index=False), folder / f"{name}.parquet")
    (folder / "report.json").write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return report


def prepare(spec: PrepareSpec, dataset: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """The four splits as frames, and the report: what was read, dropped and found to overlap, and what is left."""
    slices = {str(split): text for split, text in spec.splits.items()}
    source_of = {split: parse_slice(text)[0] for split, text in slices.items()}
    # A data set's split that serves transfer alone needs no labels.
    labelled = {source for split, source in source_of.items() if split != "transfer"}
    sources: dict[str, pd.DataFrame] = {}
    counts: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(source_of.values()):
        files = [read_rows(_file(dataset, name, file), spec.format) for file in spec.files[name]]
        sources[name], counts[name] = _source(spec, files, name in labelled)
    chosen = {
        split: unique(sliced(sources[source_of[split]], text, f"splits.{split}")) for split, text in slices.items()
    }
    if "transfer" in chosen:
        chosen["transfer"] = _unlabelled(chosen["transfer"])
    splits, overlap = without_overlap(chosen)
    for split, frame in splits.items():
        if frame.empty:
            others = " or ".join(overlap[split])
            raise DataError(f"splits.{split}: nothing is left, {others} has every example of {slices[split]} too")
    if "validation" not in splits:
        splits["train"], splits["validation"] = cut_validation(splits["train"], spec.validation_fraction)
    splits.setdefault("transfer", splits["train"].iloc[:0])
    return splits, describe(spec, splits, counts, overlap)


def _source(spec: PrepareSpec, files: list[Rows], labelled: bool) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The usable rows of one split of the data set, in the order that slices count."""
    frame, report = examples(spec, files, labelled)
    repeated = frame[frame.duplicated("example_id", keep=False)]
    answers = repeated["answers"].map(tuple).groupby(repeated["example_id"]).nunique()
    report["duplicates"] = int(frame.duplicated("example_id").sum())
    report["inputs_with_two_answers"] = int((answers > 1).sum())
    report["files"] = [rows.path.name for rows in files]
    if spec.deduplicate:
        frame = unique(frame)
    if spec.shuffle_seed is not None:
        frame = shuffled(frame, spec.shuffle_seed)
    return frame, report


def _file(dataset: Path, split: str, name: str) -> Path:
    """A file of the asset; `.` is its only one."""
    if name != ".":
        return dataset / name
    files = [path for path in dataset.rglob("*") if path.is_file() and path.name != MANIFEST]
    if len(files) != 1:
        raise DataError(
            f"files.{split}: '.' means the only file of the data set, but {dataset} has {len(files)}; name one"
        )
    return files[0]


def _unlabelled(frame: pd.DataFrame) -> pd.DataFrame:
    """No label of a transfer example reaches a student, by accident or otherwise."""
    answers = pd.Series([list[str]() for _ in range(len(frame))], index=frame.index, dtype=object)
    return frame.assign(label=-1, answers=answers)
