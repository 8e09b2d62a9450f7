"""What is trained, and by what: adapters, frozen parts, AdamW's parameter groups."""

from torch import nn
from torch.optim import AdamW

from potstill.errors import ConfigError
from potstill.models.adapters import add_lora
from potstill.models.randomness import seeded
from potstill.models.task_model import TaskModel
from potstill.plan.specs.train import TrainingSettings


def prepare_model(model: TaskModel, settings: TrainingSettings, seed: int) -> None:
    """Decide which weights are trained, in place: all, adapters (drawn from the seed) only, or all but the embeddings.

    Raises:
        ConfigError: an 8-bit model without adapters, or adapters that fit nowhere.
    """
    if settings.lora is not None:
        with seeded(seed, "adapters"):
            add_lora(model, settings.lora)
    elif getattr(model.model, "is_quantized", False):
        raise ConfigError("a model loaded in 8 bit can only be trained through adapters: set training.lora")
    if settings.freeze_embeddings:
        model.model.get_input_embeddings().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.requires_grad:
            # What is trained is kept in float32; `autocast` computes in less.
            parameter.data = parameter.data.float()
    if settings.gradient_checkpointing:
        model.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def build_optimizer(trained: nn.Module, settings: TrainingSettings) -> AdamW:
    """AdamW (Loshchilov & Hutter 2019) over what is trained; biases and norms, which are vectors, do not decay."""
    parameters = [p for p in trained.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    # One pass over the weights instead of one per operation: a third of a small encoder's step on a CPU.
    return AdamW(groups, lr=settings.learning_rate, fused=parameters[0].device.type in ("cpu", "cuda"))
