"""Universal logit distillation: a distance between distributions over different vocabularies. Boizard et al. 2024."""

import torch
from torch import Tensor


def uld(teacher_log_probs: Tensor, student_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """sum_i |p_(i) - q_(i)|, both sorted in descending order and padded with zeros to one length.

    This is the Wasserstein distance (uniform transport cost) that needs no correspondence of tokens. The teacher's top
    K stand for its distribution: its tail counts as zeros, against which the student's remaining probabilities count in
    full. As | |t - q| - q | <= t, the result differs from the exact distance by at most the teacher's tail mass;
    between equal distributions it is that mass instead of 0. Between 0 and 2.

    Args:
        teacher_log_probs: [N, K] at `temperature`, descending.
        student_logits: [N, V]; V need not be the teacher's.
        temperature: softens the student's logits.

    Returns:
        [N].
    """
    q = torch.softmax(student_logits.float() / temperature, dim=-1)
    width = min(teacher_log_probs.shape[-1], q.shape[-1])
    p = teacher_log_probs.float().exp()
    largest = q.topk(width, dim=-1).values
    matched = (p[:, :width] - largest).abs().sum(-1)
    return matched + (1 - largest.sum(-1)).clamp(min=0) + p[:, width:].sum(-1)
