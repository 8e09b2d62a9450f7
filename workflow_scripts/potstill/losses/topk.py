"""Distributions known by their K most probable tokens: K tokens and one bucket for all others.

The teacher's targets hold log-probabilities at T = 1 of its top K tokens and, at each temperature, the exact log-sum-exp
of its logits and the log probability of all other tokens, summed where they are: p_T of a stored token and of the tail
is exact at every stored T. The tail becomes one more outcome on both sides ("ghost token"). The divergence of the K+1
outcomes is 0 when both are equal and never above the divergence over the full vocabulary (data processing inequality).
Renormalising over the K tokens instead would pull the student towards a distribution without a tail; a tail taken as 1
minus the rest would be rounding noise where it is small, which reverse KL divides by.
"""

import torch
from torch import Tensor

# Stands for log 0, the tail of a teacher that masks all other tokens: reverse KL would be infinite.
LEAST_LOG_TAIL = -1000.0


def at_temperature(log_probs: Tensor, lse: Tensor, temperature: float) -> Tensor:
    """Stored log-probabilities at another temperature: log p_T = z / T - lse_T with z = log p_1.

    Args:
        log_probs: z, [N, K], at T = 1.
        lse: lse_T = log sum exp(z / T) over the teacher's full vocabulary, [N]; 0 at T = 1.
        temperature: T.

    Returns:
        [N, K] log-probabilities at T; they sum to less than 1 by the tail's mass.
    """
    return log_probs / temperature - lse.unsqueeze(-1)


def teacher_outcomes(log_probs: Tensor, tail_logmass: Tensor, vocabulary: int) -> Tensor:
    """The teacher's log-probabilities at T of its K tokens and of all others together.

    Args:
        log_probs: [N, K] at T.
        tail_logmass: [N] log probability of the other tokens at T.
        vocabulary: V.

    Returns:
        [N, K + 1], or [N, K] when K = V.
    """
    if log_probs.shape[-1] == vocabulary:
        return log_probs
    return torch.cat((log_probs, tail_logmass.clamp(min=LEAST_LOG_TAIL).unsqueeze(-1)), dim=-1)


def student_outcomes(logits: Tensor, ids: Tensor, temperature: float) -> Tensor:
    """The student's log-probabilities at T of the same K tokens and of all others together.

    The normaliser is over the student's full vocabulary, and the tail is summed where it is, not taken as 1 - the rest:
    it keeps its gradient however small it is.

    Args:
        logits: [N, V].
        ids: [N, K] int64, no token twice in a row.

    Returns:
        [N, K + 1], or [N, K] when K = V.

    Raises:
        ValueError: an id is outside the student's vocabulary.
    """
    vocabulary = logits.shape[-1]
    if ids.numel() and int(ids.max()) >= vocabulary:
        raise ValueError(f"token {int(ids.max())} of the teacher is outside the student's vocabulary of {vocabulary}")
    z = (logits if logits.dtype == torch.float64 else logits.float()) / temperature
    kept = z.gather(-1, ids)
    if ids.shape[-1] < vocabulary:
        tail = z.scatter(-1, ids, -torch.inf).logsumexp(-1, keepdim=True)
        kept = torch.cat((kept, tail), dim=-1)
    return kept - z.logsumexp(-1, keepdim=True)
