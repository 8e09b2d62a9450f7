"""The catalogues: models, data sets and tasks that an experiment can name."""

from typing import Literal

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.model import Architecture, Derivation
from potstill.plan.specs.prepare import Columns, DataFormat, Label, Slice, Split, Template
from potstill.plan.specs.source import Source
from potstill.plan.specs.task import TaskKind


class ModelEntry(Record):
    """A model: fetched from a source, or derived from another entry or from the experiment's teacher."""

    source: Source | None = Field(None, description="where the weights come from: one of hub, wheel, path")
    derived_from: str | None = Field(
        None, description="a model of the catalogue, or `teacher` for the experiment's (fitted) teacher"
    )
    derive: Derivation | None = Field(None, description="which layers to keep, or which sizes to draw at random")
    architecture: Architecture | None = Field(None, description="encoder (with a classification head) or decoder")
    format: Literal["safetensors", "gguf"] = Field("safetensors", description="GGUF weights are dequantised once")
    tokenizer: str | None = Field(
        None,
        description="name of its tokenizer; models with equal names share token ids (default: the model's own name)",
    )
    parameters: float | None = Field(
        None, gt=0, description="number of weights, for estimates before it is fetched (default: what its name says)"
    )
    licence: str | None = Field(None, description="licence where known; written into the model cards")
    trust_remote_code: bool = Field(False, description="run Python code that the model's repository brings")
    load_in_8bit: bool = Field(False, description="load the weights in 8 bit where the device can (CUDA)")


class DatasetEntry(Record):
    """A data set: its source, and which of its files hold which split."""

    source: Source = Field(description="where the files come from: one of hub, wheel, path")
    format: DataFormat = Field(description="how the files are read")
    files: dict[str, str | tuple[str, ...]] = Field(
        min_length=1, description="split name -> file or files inside the source (`.` when the source is one file)"
    )
    licence: str | None = Field(None, description="licence where known")


class TaskEntry(Record):
    """A task: a data set, and how its rows become examples."""

    kind: TaskKind = Field(description="classification, extractive-qa or generation")
    dataset: str = Field(description="a data set of the catalogue")
    columns: Columns = Field(description="role -> column of the data")
    keep: dict[str, str | int | tuple[str | int, ...]] = Field(
        {}, description="column -> value or values: only such rows are used"
    )
    prompt: Template = Field(description="what a decoder reads; {text}, {question}, {context} are filled in")
    text: Template = Field("{text}", description="what an encoder reads; the same fields")
    labels: tuple[Label, ...] = Field((), description="classes of a classification, in label order")
    splits: dict[Split, Slice] = Field(
        description="slices such as `train[:500]` of the data set's splits; transfer examples are used without labels"
    )
    validation_fraction: float = Field(
        0.1, gt=0, lt=1, description="share of train that becomes validation when no slice is given"
    )
    shuffle_seed: int | None = Field(None, description="order of the rows before slicing (default: as in the file)")
    deduplicate: bool = Field(True, description="drop rows whose input occurred before")
    max_input_tokens: int = Field(128, ge=4, description="longer inputs are cut, tokens of the model's own tokenizer")
    max_answer_tokens: int = Field(32, ge=1, description="length of an answer, tokens")


class Catalogue(Record):
    """All entries by name."""

    models: dict[str, ModelEntry] = {}
    datasets: dict[str, DatasetEntry] = {}
    tasks: dict[str, TaskEntry] = {}
