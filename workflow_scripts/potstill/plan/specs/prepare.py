"""Spec of `prepare_task`: a data set's files in, one table of normalised examples per split out."""

from typing import Literal

from potstill.plan.base import Record
from potstill.plan.specs.task import TaskKind

DataFormat = Literal["csv", "tsv", "jsonl", "parquet", "squad"]


class Label(Record):
    """One class: the value that the data use for it, its name, and the answer that a decoder gives."""

    value: str | int
    name: str
    verbalizer: str


class Columns(Record):
    """Which column of the data holds what. Unused roles stay None."""

    text: str | None = None
    label: str | None = None
    question: str | None = None
    context: str | None = None
    answers: str | None = None
    cluster: str | None = None


class PrepareSpec(Record):
    """Everything that `prepare_task` depends on.

    `files` maps the data set's own split names to file names inside the asset. `splits` maps train, transfer, validation
    and test to slices such as `train[:500]` of those, taken after duplicates are dropped and `shuffle_seed` has ordered
    the rows. Without a validation slice, `validation_fraction` of train is cut off, whole clusters at a time.
    `prompt` and `text` are templates over the column roles: the first is what a decoder reads, the second an encoder.
    """

    kind: TaskKind
    format: DataFormat
    files: dict[str, tuple[str, ...]]
    columns: Columns
    prompt: str
    text: str
    labels: tuple[Label, ...] = ()
    splits: dict[str, str]
    validation_fraction: float = 0.1
    shuffle_seed: int | None = None
    deduplicate: bool = True
