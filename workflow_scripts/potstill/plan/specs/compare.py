"""Spec of `compare`: how an experiment's methods are judged. No training depends on it."""

from typing import Literal

from pydantic import Field

from potstill.plan.base import Record


class ComparisonSettings(Record):
    """What the methods are compared with, and how sure an interval is to be."""

    baseline: str = Field("b0", description="entry of `methods` that every other one is compared with")
    retention: float = Field(
        0.97,
        gt=0,
        le=1,
        description="share of the teacher's score that a student is to keep (non-inferiority margin)",
    )
    confirmatory: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="entries of `methods` whose contrast with the baseline is the question, with Holm's correction; all "
        "other contrasts are exploratory; null: all of them",
    )
    confidence: float = Field(
        0.95,
        gt=0.5,
        lt=1,
        description="level of all intervals; differences (two-sided) and retention (one-sided) are tested at 1 - confidence",
    )
    family: Literal["task", "experiment"] = Field(
        "task", description="comparisons that share one correction: those of each task, or of the whole experiment"
    )
    power: float = Field(
        0.8, gt=0.5, lt=1, description="chance of being found that defines the smallest detectable difference"
    )


class CompareSpec(Record):
    """Inputs: `collected`, the experiment's collected runs."""

    comparison: ComparisonSettings = ComparisonSettings()
