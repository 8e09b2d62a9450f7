"""Spec of `train_student`: one student, one method, one point of its grid, one seed. A teacher is fitted by the same spec."""

from typing import Any, Literal

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.evaluate import Calibration
from potstill.plan.specs.model import ModelView, Precision
from potstill.plan.specs.task import TaskView


class Lora(Record):
    """Low-rank adapters through peft; merged into the weights when the run is complete."""

    rank: int = Field(16, ge=1, description="rank of the adapters")
    alpha: int = Field(32, ge=1, description="scaling numerator: updates are multiplied by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapters' input")
    target_modules: tuple[str, ...] | Literal["all-linear"] = Field(
        "all-linear", description="modules that get adapters"
    )


class TrainingSettings(Record):
    """How a student is optimised: AdamW, linear warm-up, then the chosen schedule, gradient norm clipped."""

    epochs: float = Field(3, gt=0, description="passes over the training examples")
    batch_size: int = Field(16, ge=1, description="examples an optimizer step sees")
    micro_batch_size: int | None = Field(
        None,
        ge=1,
        description="examples a forward pass sees; the gradients of a step are accumulated (default: batch_size); "
        "halved by the job itself where they do not fit",
    )
    devices: int = Field(
        1,
        ge=1,
        description="GPUs (without any: processes) that share the examples of each step; the loss stays the same but "
        "for rounding",
    )
    learning_rate: float = Field(5e-5, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW weight decay; not applied to biases and norms")
    warmup_fraction: float = Field(0.1, ge=0, lt=1, description="share of all steps with a rising learning rate")
    schedule: Literal["linear", "cosine", "constant"] = Field("linear", description="learning rate after the warm-up")
    max_gradient_norm: float | None = Field(
        1.0, gt=0, description="gradients are scaled down to this norm; null: never"
    )
    precision: Precision | Literal["auto"] = Field(
        "auto", description="auto: bf16 where the GPU has it, otherwise fp32"
    )
    gradient_checkpointing: bool = Field(False, description="recompute activations in the backward pass to save memory")
    freeze_embeddings: bool = Field(False, description="leave the input (and tied output) embeddings as they are")
    group_by_length: bool = Field(
        True, description="batch examples of similar length within a random window of 8 batches"
    )
    lora: Lora | None = Field(None, description="train low-rank adapters instead of all weights")
    validate_every: int | None = Field(
        None, ge=1, description="steps between two validations (default: once per epoch)"
    )
    early_stopping: int | None = Field(
        None, ge=1, description="stop after this many validations without a lower loss, keep the best (default: never)"
    )


class TrainSpec(Record):
    """Everything that a run depends on besides its inputs.

    `options` are the method's own, one value each; `potstill/plan/methods/<method>.py` has their types.
    `calibration` is how the teacher's label logits are read (none for a method that does not read any).
    """

    task: TaskView
    model: ModelView
    method: str
    options: dict[str, Any]
    seed: int
    training: TrainingSettings
    calibration: Calibration = "none"
