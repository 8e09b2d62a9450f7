"""Distributions known by their K most probable tokens: K tokens and one bucket for all others.

The teacher's targets hold log-probabilities at T = 1 of its top K tokens and the exact log-sum-exp of its logits at
each temperature, so p_T of a stored token is exact at every stored T. What remains, the tail, becomes one more outcome
on both sides ("ghost token"). The divergence of the K+1 outcomes is exact on the K tokens and on the total of the tail,
is 0 when both are equal, and is never above the divergence over the full vocabulary (data processing inequality).
Renormalising over the K tokens instead would pull the student towards a distribution without a tail.
"""

import torch
from torch import Tensor

# 1 - sum of K float32 probabilities is known to about this: a teacher's smaller tail is taken to be this large.
SMALLEST_TAIL = 1e-7


def log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, without cancellation at either end. Maechler 2012, eq. 7."""
    near_zero = x > -0.6931
    safe_near = torch.where(near_zero, x, -1.0)
    safe_far = torch.where(near_zero, -1.0, x)
    return torch.where(near_zero, torch.log(-torch.expm1(safe_near)), torch.log1p(-torch.exp(safe_far)))


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


def teacher_outcomes(log_probs: Tensor, vocabulary: int) -> Tensor:
    """[N, K] log-probabilities with the tail's as one more column; without it when K is the whole vocabulary."""
    if log_probs.shape[-1] == vocabulary:
        return log_probs
    kept = log_probs.logsumexp(-1, keepdim=True)
    return torch.cat((log_probs, log1mexp(kept.clamp(max=-SMALLEST_TAIL))), dim=-1)


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
