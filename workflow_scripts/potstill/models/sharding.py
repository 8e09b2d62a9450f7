"""A model that one device cannot hold: its weights spread over the job's devices (FSDP, Zhao et al. 2023, torch's version 2).

Each process keeps a part of every layer, gathers a layer just before it computes with it, and forgets it again. What is
computed is the same but for rounding. accelerate's plugin, which wraps the same function of torch, works on accelerators
only; this works on a CPU too, so that what is tested is what runs.
"""

import functools
from pathlib import Path

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from transformers import PreTrainedTokenizerBase

from potstill.devices import group
from potstill.errors import ConfigError
from potstill.models.layers import layer_stack
from potstill.models.load import load_task_model
from potstill.models.task_model import TaskModel
from potstill.plan.specs.evaluate import BenchmarkSpec, PredictSpec
from potstill.plan.specs.model import Precision
from potstill.plan.specs.targets import TargetSpec


def load_frozen_model(
    directory: Path,
    spec: TargetSpec | PredictSpec | BenchmarkSpec,
    tokenizer: PreTrainedTokenizerBase,
    device: torch.device,
    precision: Precision,
    *,
    shard: bool,
) -> TaskModel:
    """The model that a stage asks and does not train: whole on each of the job's devices, or spread over them.

    A model that is spread must run in all processes at the same time; `devices.group.in_turn` sees to it. The processes
    load one after the other: main memory holds one whole model at a time.

    Raises:
        ConfigError: an 8-bit model, whose weights cannot be spread; for all else see `load_task_model`.
    """
    load = functools.partial(load_task_model, directory, spec.model, spec.task, tokenizer, precision=precision, seed=0)
    if not shard:
        return load(device=device)
    if spec.model.load_in_8bit:
        raise ConfigError("teacher.shard: weights in 8 bit cannot be spread over devices; remove load_in_8bit")
    mesh = init_device_mesh(device.type, (group.size(),))
    for number in range(group.size()):
        if number == group.rank():
            model = load(device=torch.device("cpu"))
            model.requires_grad_(False)
            stack, name = layer_stack(model.backbone)
            for layer in getattr(stack, name):
                fully_shard(layer, mesh=mesh)
            # The rest (embedding, norm, head), whose weights may be one: gathered as long as a method of TaskModel runs.
            fully_shard(model, mesh=mesh)
        group.wait()
    for method in ("hidden_states", "generate"):
        register_fsdp_forward_method(model, method)
    model.is_sharded = True
    return model
