"""Low-rank adapters (LoRA, Hu et al. 2022, arXiv:2106.09685) through peft; merged into the weights on saving."""

from potstill.errors import ConfigError
from potstill.models.task_model import TaskModel
from potstill.plan.specs.train import Lora


def add_lora(task_model: TaskModel, lora: Lora) -> None:
    """Freeze the model and put trainable adapters on it, in place; an encoder's classification head stays trainable.

    W' = W + (alpha / rank) B A with B = 0 at first, so the model's outputs do not change yet.

    Raises:
        ConfigError: `target_modules` that the model does not have.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    encoder = task_model.architecture == "encoder"
    modules = lora.target_modules
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type=TaskType.SEQ_CLS if encoder else TaskType.CAUSAL_LM,
    )
    try:
        task_model.attach_adapters(get_peft_model(task_model.model, config))
    except ValueError as error:
        raise ConfigError(f"training.lora.target_modules: {modules}: {str(error).splitlines()[0]}") from None
