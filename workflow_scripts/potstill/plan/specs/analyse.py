"""Spec of `analyse_errors`: what is asked of single examples. No training depends on it."""

from typing import Annotated

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.prepare import PrepareSpec

# Slices that need nothing beyond the examples; any other name is a column of the data.
OWN_SLICES = ("length", "label", "cluster")


class ErrorAnalysisSettings(Record):
    """What the error analysis counts, and from when on it warns."""

    slices: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        OWN_SLICES,
        description="scores are shown apart by these: length (quartiles of the prompt's words), label, cluster, or the "
        "name of any column of the data",
    )
    slice_values: int = Field(
        8, ge=2, le=100, description="most frequent values of a slice that are shown; the rest is taken together"
    )
    small_slice: int = Field(30, ge=2, description="slices of fewer examples are marked: little can be said of them")
    bins: int | None = Field(
        None, ge=2, le=100, description="bins of a reliability diagram; null: 15, fewer below 300 test examples"
    )
    draws: int = Field(
        1000, ge=100, le=100_000, description="bootstrap draws for the interval of the calibration error"
    )
    seed: int = Field(0, ge=0, description="seed of these draws")
    options: int = Field(10, ge=1, le=100, description="answers of a task without choices that are counted by name")
    examples_shown: int = Field(20, ge=1, le=1000, description="examples a task that are shown side by side")
    excess: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="a model is suspect that gives one answer to so much larger a share of the examples than gold does",
    )
    empty: float = Field(
        0.05, gt=0, lt=1, description="a model is suspect that leaves so much larger a share empty than gold does"
    )


class AnalyseSpec(Record):
    """Inputs: `collected`; `data`, task -> its data set, of the tasks in `examples` (a slice names a column of the data).

    `baseline` and `confidence` are those of the comparison.
    """

    settings: ErrorAnalysisSettings = ErrorAnalysisSettings()
    baseline: str
    confidence: float
    examples: dict[str, PrepareSpec] = {}
