"""Divergences between two full distributions: labels, or tokens of one vocabulary.

All take log-probabilities of the teacher P and of the student Q, [N, V], and give [N] nats. They are true divergences:
never negative (up to rounding), and 0 when both are equal. An outcome of probability 0 adds nothing (0 log 0 = 0).
"""

import math
from typing import Literal

import torch
from torch import Tensor

Divergence = Literal["forward_kl", "reverse_kl", "jsd"]


def log_softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """log p_T = z / T - log sum exp(z / T) over the last dimension; float32 unless the logits are float64."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return torch.log_softmax(wide / temperature, dim=-1)


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) = sum_i p_i (log p_i - log q_i). Kullback & Leibler 1951.

    Summed as p r - p + q with r = log p - log q: the same, as both sum to 1, but no term is negative, and where p and q
    are near each other it is p (r + exp(-r) - 1) = p r^2 / 2 + ... without the cancellation that float32 would show.

    Raises:
        ValueError: the two do not range over the same outcomes.
    """
    if log_p.shape != log_q.shape:
        raise ValueError(f"distributions over different outcomes: {tuple(log_p.shape)} and {tuple(log_q.shape)}")
    p, q = log_p.exp(), log_q.exp()
    r = torch.where(p > 0, log_p - log_q, 0.0)
    near = (p > 0) & (r.abs() < 1)
    small = torch.where(near, r, 0.0)
    return torch.where(near, p * (small + torch.expm1(-small)), p * r + (q - p)).sum(-1)


def forward_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(P || Q): the student covers all that the teacher holds possible. Hinton et al. 2015, less the entropy of P."""
    return kl(teacher, student)


def reverse_kl(teacher: Tensor, student: Tensor) -> Tensor:
    """KL(Q || P): the student keeps to what the teacher holds probable. Gu et al. 2024 (MiniLLM), eq. 1."""
    return kl(student, teacher)


def jsd(teacher: Tensor, student: Tensor, beta: float) -> Tensor:
    """Generalised Jensen-Shannon divergence: beta KL(P || M) + (1 - beta) KL(Q || M) with M = beta P + (1 - beta) Q.

    Agarwal et al. 2024 (GKD), eq. 1. Symmetric and at most log 2 at beta = 1/2; JSD(beta) / beta tends to KL(P || Q)
    for beta -> 0, and JSD(beta) / (1 - beta) to KL(Q || P) for beta -> 1, so the gradient shrinks towards both ends.
    """
    if teacher.shape != student.shape:
        raise ValueError(f"distributions over different outcomes: {tuple(teacher.shape)} and {tuple(student.shape)}")
    both = torch.stack((teacher + math.log(beta), student + math.log1p(-beta)))
    impossible = both.isneginf().all(0)
    mixture = torch.where(impossible, -torch.inf, both.masked_fill(impossible, 0.0).logsumexp(0))
    return beta * kl(teacher, mixture) + (1 - beta) * kl(student, mixture)


def divergence(kind: Divergence, teacher: Tensor, student: Tensor, beta: float) -> Tensor:
    """The divergence named `kind`; `beta` concerns `jsd` alone."""
    if kind == "forward_kl":
        return forward_kl(teacher, student)
    if kind == "reverse_kl":
        return reverse_kl(teacher, student)
    return jsd(teacher, student, beta)
