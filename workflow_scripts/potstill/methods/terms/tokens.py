"""Distances between the teacher's and the student's next-token distributions at the answer's positions."""

from torch import Tensor

from potstill.losses.divergence import Divergence, divergence
from potstill.losses.topk import at_temperature, student_outcomes, teacher_outcomes
from potstill.losses.uld import uld
from potstill.models.batch import Batch, Encoded, Output
from potstill.targets.read import TokenLogitTargets

IDS, LOG_PROBS, TAIL, POSITIONS = "token_ids", "token_log_probs", "token_tail", "token_positions"


class TokenDivergence:
    """D over the teacher's top K tokens and one bucket for all others; one unit an answer token.

    The reader has compared the tokens of both answers, so position i of the batch is position i of the teacher.
    """

    def __init__(self, reader: TokenLogitTargets, temperature: float, kind: Divergence, beta: float) -> None:
        self._reader = reader
        self._temperature = temperature
        self._kind = kind
        self._beta = beta

    def uses(self, item: Encoded) -> bool:
        """With an answer."""
        return bool(item.answer_ids)

    def attach(self, batch: Batch) -> None:
        """`token_ids` [N, K], the teacher's `token_log_probs` [N, K] and its `token_tail` [N] at T."""
        stored = self._reader.for_batch(batch)
        batch.targets[IDS] = stored["ids"]
        batch.targets[LOG_PROBS] = at_temperature(stored["logprobs"], stored["lse"], self._temperature)
        batch.targets[TAIL] = stored["tail_logmass"]

    def count(self, batch: Batch) -> int:
        """Answer tokens."""
        return len(batch.answer_ids)

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """In nats, without the factor T^2."""
        assert output.token_logits is not None
        vocabulary = output.token_logits.shape[-1]
        teacher = teacher_outcomes(batch.targets[LOG_PROBS], batch.targets[TAIL], vocabulary)
        student = student_outcomes(output.token_logits, batch.targets[IDS], self._temperature)
        return divergence(self._kind, teacher, student, self._beta).sum()


class SortedTokens:
    """Universal logit distillation between two tokenizers; one unit a pair of answer positions.

    The i-th position of the student's answer meets the i-th of the teacher's, up to the shorter of both.
    """

    def __init__(self, reader: TokenLogitTargets, temperature: float) -> None:
        self._reader = reader
        self._temperature = temperature

    def uses(self, item: Encoded) -> bool:
        """With an answer."""
        return bool(item.answer_ids)

    def attach(self, batch: Batch) -> None:
        """`token_positions` [M]: the answer positions that have a partner; `token_log_probs` [M, K]: its own, at T."""
        stored = self._reader.for_batch(batch)
        matched = stored["valid"].nonzero().squeeze(-1)
        batch.targets[POSITIONS] = matched
        batch.targets[LOG_PROBS] = at_temperature(stored["logprobs"], stored["lse"], self._temperature)[matched]

    def count(self, batch: Batch) -> int:
        """Pairs of positions."""
        return len(batch.targets[POSITIONS])

    def sum(self, output: Output, batch: Batch) -> Tensor:
        """Without the factor T."""
        assert output.token_logits is not None
        student = output.token_logits[batch.targets[POSITIONS]]
        return uld(batch.targets[LOG_PROBS], student, self._temperature).sum()
