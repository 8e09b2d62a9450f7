"""Specs of the two evaluation stages: a model's predictions, and its efficiency."""

from typing import Literal

from potstill.plan.base import Record
from potstill.plan.specs.model import ModelView, Precision
from potstill.plan.specs.task import TaskView

Calibration = Literal["none", "centre"]


class PredictSpec(Record):
    """Score a model as it is: the teacher on the splits that students are scored on, or any model of a task on the test
    split of another task.

    `calibration: centre` subtracts the mean label logits over the transfer set (train where there is none): a zero-shot
    model's preference for one answer word goes, and no label is needed for it.
    """

    task: TaskView
    model: ModelView
    calibration: Calibration = "none"
    splits: tuple[str, ...] = ("validation", "test")
    token_budget: int = 2048
    precision: Precision = "fp32"


class BenchmarkSpec(Record):
    """Measure size and speed of one model on this machine: the first `examples` test inputs, `repeats` passes after warm-up.

    A model that is spread over several `devices` is measured there.
    """

    task: TaskView
    model: ModelView
    examples: int = 64
    batch_size: int = 16
    warmup: int = 3
    repeats: int = 3
    threads: int = 1
    devices: int = 1
    precision: Precision = "fp32"
