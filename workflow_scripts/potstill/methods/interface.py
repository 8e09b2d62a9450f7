"""What a method is: a weighted sum of terms, each a mean over its own units.

    L = sum over terms of weight * (sum of the term's losses over its units) / (number of its units)

Units are examples, answer tokens or hidden states, counted over the whole optimizer step: however a step is cut into
micro-batches, and however much of it is padding or unlabelled, each unit weighs the same. A term without any unit in a
step is 0. Counts come from the batch alone, so they are known before the first forward pass.

`methods/<name>.py` has `build(options, setup) -> Method`, found by the file's name.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
from torch import Tensor, nn

from potstill.models.batch import Batch, Encoded, Output
from potstill.plan.base import Record
from potstill.plan.specs.model import Architecture
from potstill.plan.specs.targets import Pooling
from potstill.plan.specs.task import TaskView


@dataclass(frozen=True)
class Setup:
    """What a method is built from, besides its options.

    Attributes:
        pool: [B, L, d] hidden states of the student -> [B, d] (`TaskModel.pool`).
        shards: target kind -> the folders of its shards.
        tokenizer: fingerprint of the student's tokenizer.
        centre: whether the teacher's label logits are centred (`specs.evaluate.Calibration`).
        seed: what a projection's first weights are drawn from.
    """

    task: TaskView
    architecture: Architecture
    hidden_size: int
    n_layers: int
    pool: Callable[[Tensor, Batch, Pooling], Tensor]
    shards: Mapping[str, Sequence[Path]]
    tokenizer: str
    centre: bool
    seed: int


class Term(Protocol):
    """One part of a loss."""

    def uses(self, item: Encoded) -> bool:
        """Whether the example has any unit of this term."""

    def attach(self, batch: Batch) -> None:
        """Put the teacher's targets for `batch` (on the CPU) into `batch.targets`."""

    def count(self, batch: Batch) -> int:
        """Number of units, after `attach`."""

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """Sum of the losses of all units, a scalar connected to the student's output even for no units."""


class Method:
    """A weighted sum of terms.

    Attributes:
        weights: term name -> weight; a term of weight 0 is left out altogether.
        modules: weights that are trained with the student and not saved with it (projections), if any.
        with_hidden: whether the student's hidden states are needed.
    """

    def __init__(
        self,
        terms: Mapping[str, tuple[float, Term]],
        *,
        modules: nn.Module | None = None,
        with_hidden: bool = False,
        answers: Callable[[pd.DataFrame], Mapping[str, str]] | None = None,
    ) -> None:
        self._terms = {name: term for name, (weight, term) in terms.items() if weight != 0}
        self.weights = {name: weight for name, (weight, _) in terms.items() if weight != 0}
        self.modules = modules
        self.with_hidden = with_hidden
        self._answers = answers

    def answers(self, examples: pd.DataFrame) -> Mapping[str, str]:
        """Example id -> the answer to teach instead of the gold one (or where there is none)."""
        return self._answers(examples) if self._answers else {}

    def uses(self, item: Encoded) -> bool:
        """Whether training on the example can change anything."""
        return any(term.uses(item) for term in self._terms.values())

    def attach(self, batch: Batch) -> None:
        """Put the teacher's targets for `batch` (on the CPU) into `batch.targets`."""
        for term in self._terms.values():
            term.attach(batch)

    def counts(self, batch: Batch) -> dict[str, int]:
        """Number of units per term, after `attach`."""
        return {name: term.count(batch) for name, term in self._terms.items()}

    def sums(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Sum of the losses of all units per term, unweighted."""
        return {name: term.sum(output, batch) for name, term in self._terms.items()}


def build(name: str, options: Record, setup: Setup) -> Method:
    """The method `name` for one student."""
    return importlib.import_module(f"potstill.methods.{name}").build(options, setup)
