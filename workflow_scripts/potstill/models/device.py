"""Where a model computes and in which number format."""

import contextlib
from typing import Literal

import torch

from potstill.errors import ConfigError
from potstill.plan.specs.model import Precision
from potstill.progress import say

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device() -> torch.device:
    """The best device there is: cuda, then mps, then cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def resolve_precision(precision: Precision | Literal["auto"], device: torch.device) -> Precision:
    """The precision that is really used: what was asked for, where the device has it; a printed note otherwise.

    `auto` is bf16 on a GPU that has it and fp32 elsewhere. fp16 is for CUDA only, and mps always computes in fp32.

    Raises:
        ConfigError: bf16 on a CUDA device that only emulates it.
    """
    if device.type == "cuda":
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        if precision == "bf16" and not supported:
            name = torch.cuda.get_device_name(device)
            raise ConfigError(f"precision: bf16, but {name} does not compute in bfloat16. Use fp16 or fp32.")
        return ("bf16" if supported else "fp32") if precision == "auto" else precision
    if precision == "auto":
        return "fp32"
    if precision == "fp16" or (precision == "bf16" and device.type == "mps"):
        say(f"note: {precision} is not for {device.type}; computing in fp32")
        return "fp32"
    return precision


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """A context for forward passes in `precision` over float32 weights; does nothing for fp32."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[precision])


def release_memory(device: torch.device) -> None:
    """Give cached blocks back to mps, which shares its memory with everything else; elsewhere the cache stays."""
    if device.type == "mps":
        torch.mps.empty_cache()


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that a clock measures the work and not its launch."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
