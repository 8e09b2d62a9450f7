"""Distance between hidden states of chosen layers, the student's through a learned projection."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from potstill.errors import ConfigError
from potstill.losses.feature import normalised, plain
from potstill.methods.interface import Setup
from potstill.models.batch import Batch, Encoded, Output
from potstill.models.randomness import seeded
from potstill.plan.specs.targets import Pooling
from potstill.targets.read import HiddenStateTargets

Pairs = Sequence[tuple[int, int]]


def layer_pairs(layer_map: str, student: int, stored: Sequence[int]) -> list[tuple[int, int]]:
    """Which layer of a student with `student` layers learns from which stored layer: pairs (student's, teacher's).

    Layer 0 is the embedding's output, which only an explicit pair names, n the output of the n-th layer. For a student
    of 3 and all layers of a teacher of 12: `uniform` 1:4, 2:8, 3:12 (Sanh et al. 2019, Jiao et al. 2020); `skip` the
    same without the top, 1:4, 2:8 (PKD-skip of Sun et al. 2019); `last` 1:10, 2:11, 3:12 (as PKD-last). With fewer
    layers stored, these stand for the teacher's.

    Raises:
        ConfigError: an explicit pair that the student or the targets do not have, or nothing left to match.
    """
    if ":" in layer_map:
        explicit = [(int(below), int(above)) for below, _, above in (p.partition(":") for p in layer_map.split(","))]
        for below, above in explicit:
            if below > student or above not in stored:
                raise ConfigError(
                    f"kd3.layer_map: {below}:{above}, but the student has layers 0 to {student} and the teacher's "
                    f"targets layers {', '.join(map(str, stored))}"
                )
        return explicit
    teacher = sorted(set(stored) - {0})
    if layer_map == "last":
        depth = min(student, len(teacher))
        pairs = list(zip(range(student - depth + 1, student + 1), teacher[len(teacher) - depth :], strict=True))
    else:
        # Half up, in integers; a student deeper than its teacher meets some layers twice.
        nearest = [(2 * i * len(teacher) + student) // (2 * student) for i in range(1, student + 1)]
        pairs = [(i, teacher[max(n, 1) - 1]) for i, n in enumerate(nearest, start=1) if teacher]
    if layer_map == "skip":
        pairs = pairs[:-1]
    if not pairs:
        raise ConfigError(f"kd3.layer_map: {layer_map} leaves no layer to match; name pairs, or store more layers")
    return pairs


class Features:
    """Mean over examples (or positions) and pairs of layers of a distance between states; padding does not count.

    Attributes:
        projections: one affine map a pair, from the student's width to the teacher's, trained along.
    """

    def __init__(
        self,
        reader: HiddenStateTargets,
        pairs: Pairs,
        pooling: Pooling,
        distance: Literal["normalised", "plain"],
        states: Literal["standardised", "raw"],
        setup: Setup,
    ) -> None:
        self._reader = reader
        self._pairs = pairs
        self._pooling = pooling
        self._pool = setup.pool
        self._distance = normalised if distance == "normalised" else plain
        self._scales = {
            above: _scale(reader.states[above]) if states == "standardised" else (torch.tensor(0.0), torch.tensor(1.0))
            for _, above in pairs
        }
        widths = [reader.states[above].shape[-1] for _, above in pairs]
        with seeded(setup.seed, "projections"):
            self.projections = nn.ModuleList(nn.Linear(setup.hidden_size, width) for width in widths)

    def uses(self, item: Encoded) -> bool:
        """Every example."""
        return True

    def attach(self, batch: Batch) -> None:
        """`hidden_<layer>` of the teacher, [B, d] or [B, L, d]."""
        for layer, states in self._reader.for_batch(batch).items():
            mean, deviation = self._scales[layer]
            batch.targets[f"hidden_{layer}"] = (states - mean) / deviation

    def count(self, batch: Batch) -> int:
        """Examples, or tokens, times pairs of layers."""
        units = int(batch.attention_mask.sum()) if self._pooling == "tokens" else len(batch.example_ids)
        return units * len(self._pairs)

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """Over all units."""
        assert output.hidden is not None
        real = batch.attention_mask.bool()
        distances = []
        for (below, above), projection in zip(self._pairs, self.projections, strict=True):
            student = self._pool(output.hidden[below], batch, self._pooling)
            teacher = batch.targets[f"hidden_{above}"]
            if self._pooling == "tokens":
                student, teacher = student[real], teacher[real]
            distances.append(self._distance(projection(student), teacher).sum())
        return torch.stack(distances).sum()


def _scale(states: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [d] of stored states [N, d], in float32; a dimension that never changes counts as it is."""
    deviation, mean = torch.std_mean(states.float(), dim=0, correction=0)
    return mean, torch.where(deviation > 0, deviation, 1.0)
