"""Divergence between the teacher's and the student's distribution over the classes."""

from torch import Tensor

from potstill.losses.divergence import Divergence, divergence, log_softmax
from potstill.models.batch import Batch, Encoded, Output
from potstill.targets.read import LabelLogitTargets

TARGET = "label_logits"


class LabelDivergence:
    """D(softmax(t / T), softmax(s / T)) over the label logits; one unit an example, labelled or not.

    The label logits of teacher and student may come from anywhere (a head, or verbalizer tokens of two vocabularies):
    both are distributions over the same classes. Centring the teacher's is the reader's business.
    """

    def __init__(
        self, reader: LabelLogitTargets, temperature: float, kind: Divergence = "forward_kl", beta: float = 0.5
    ) -> None:
        self._reader = reader
        self._temperature = temperature
        self._kind = kind
        self._beta = beta

    def uses(self, item: Encoded) -> bool:
        """Every example."""
        return True

    def attach(self, batch: Batch) -> None:
        """`label_logits` [B, C] of the teacher."""
        batch.targets[TARGET] = self._reader.for_batch(batch)

    def count(self, batch: Batch) -> int:
        """Examples."""
        return len(batch.example_ids)

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """In nats, without the factor T^2."""
        assert output.label_logits is not None
        teacher = log_softmax(batch.targets[TARGET], self._temperature)
        student = log_softmax(output.label_logits, self._temperature)
        return divergence(self._kind, teacher, student, self._beta).sum()
