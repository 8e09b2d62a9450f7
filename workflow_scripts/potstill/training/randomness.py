"""Determinism: what is drawn in training is a function of (seed, step), and kernels give the same bits each time."""

import os

import torch

from potstill.models.randomness import derived_seed


def make_deterministic(threads: int) -> None:
    """Fix the number of CPU threads and refuse kernels whose results vary (mps only warns: it has no others for some).

    Call it before the first CUDA operation: cuBLAS reads its workspace setting once.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=torch.backends.mps.is_available())
    # Filling new memory only shows a kernel that reads what nobody wrote; it costs some percent of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch's global generators, from which dropout draws, for one optimizer step of one of a run's devices.

    No state of a generator is carried from step to step, so a resumed run needs none. Within a step the masks depend on
    how it is cut into micro-batches and shared out to devices.
    """
    torch.manual_seed(derived_seed(seed, "step", step, *([rank] if rank else [])))
