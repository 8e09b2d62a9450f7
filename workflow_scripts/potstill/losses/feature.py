"""Distances between hidden states of student and teacher, [N, d] each (the student's after its projection)."""

import torch.nn.functional as F
from torch import Tensor


def normalised(student: Tensor, teacher: Tensor) -> Tensor:
    """|| s / |s| - t / |t| ||^2 = 2 - 2 cos(s, t), [N]. Sun et al. 2019 (patient KD). Free of the width d."""
    return (F.normalize(student.float(), dim=-1) - F.normalize(teacher.float(), dim=-1)).square().sum(-1)


def plain(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over the d dimensions of (s - t)^2, [N]. Romero et al. 2015 (FitNets), eq. 3, which has 1/2 and a sum."""
    return (student.float() - teacher.float()).square().mean(-1)
