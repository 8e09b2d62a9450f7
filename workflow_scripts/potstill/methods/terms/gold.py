"""Cross-entropy with the answer that is taught: the gold one, or the teacher's in sequence-level distillation."""

from torch import Tensor

from potstill.losses.cross_entropy import cross_entropy
from potstill.models.batch import Batch, Encoded, Output
from potstill.plan.specs.model import Architecture


class Gold:
    """An encoder: over the classes, a unit a labelled example. A decoder: over the vocabulary, a unit an answer token.

    A decoder's classification, too, is taught over the full vocabulary. Cross-entropy over the verbalizers alone leaves
    the rest of the vocabulary free: the answer words of a teacher trained so held 0.12 % of its probability.
    """

    def __init__(self, architecture: Architecture) -> None:
        self._on_labels = architecture == "encoder"

    def uses(self, item: Encoded) -> bool:
        """Labelled, or with an answer."""
        return item.label >= 0 if self._on_labels else bool(item.answer_ids)

    def attach(self, batch: Batch) -> None:
        """Nothing: labels and answers are part of the batch."""

    def count(self, batch: Batch) -> int:
        """Labelled examples, or answer tokens."""
        return int((batch.labels >= 0).sum()) if self._on_labels else len(batch.answer_ids)

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """In nats."""
        if self._on_labels:
            assert output.label_logits is not None
            labelled = batch.labels >= 0
            return cross_entropy(output.label_logits[labelled], batch.labels[labelled]).sum()
        assert output.token_logits is not None
        return cross_entropy(output.token_logits, batch.answer_ids).sum()
