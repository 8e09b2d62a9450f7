"""Spec of `compare`: how an experiment's methods are judged. No training depends on it."""

from typing import Literal

from pydantic import Field

from potstill.plan.base import Record


class ComparisonSettings(Record):
    """What the methods are compared with, and how sure an interval is to be."""

    baseline: str = Field("b0", description="entry of `methods` that every other one is compared with")
    confidence: float = Field(
        0.95, gt=0.5, lt=1, description="level of all intervals; a difference is tested at 1 - confidence"
    )
    family: Literal["task", "experiment"] = Field(
        "task", description="comparisons that share one Holm correction: those of each task, or all"
    )
    power: float = Field(
        0.8, gt=0.5, lt=1, description="chance of being found that defines the smallest detectable difference"
    )


class CompareSpec(Record):
    """Inputs: `collected`, the experiment's collected runs."""

    comparison: ComparisonSettings = ComparisonSettings()
