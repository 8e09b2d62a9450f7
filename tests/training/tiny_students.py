"""Tiny random models and examples in their tokens, for tests of methods and training."""

import torch
from potstill.methods.interface import Method
from potstill.methods.terms.gold import Gold
from potstill.models.batch import Encoded
from potstill.models.task_model import TaskModel
from potstill.plan.specs.task import TaskView
from potstill.plan.specs.train import TrainingSettings
from potstill.training.trainer import Trainer
from transformers import BertConfig, BertForSequenceClassification, LlamaConfig, LlamaForCausalLM

VOCABULARY = 53
CPU = torch.device("cpu")
CLASSIFICATION = TaskView(kind="classification", verbalizers=(" no", " yes"), max_input_tokens=32)
QA = TaskView(kind="extractive-qa", max_input_tokens=32, max_answer_tokens=8)


def decoder(task: TaskView = QA, seed: int = 0, layers: int = 2, width: int = 16, dropout: float = 0.0) -> TaskModel:
    """A Llama with `layers` layers."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        attention_dropout=dropout,
        tie_word_embeddings=True,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TaskModel(LlamaForCausalLM(config), "decoder", task).eval()


def encoder(seed: int = 0, layers: int = 2, width: int = 16, dropout: float = 0.0) -> TaskModel:
    """A BERT with a classification head of two classes."""
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TaskModel(BertForSequenceClassification(config), "encoder", CLASSIFICATION).eval()


def questions(n: int, seed: int = 0, unanswered: int = 0) -> list[Encoded]:
    """Prompts of 3 to 12 tokens with answers of 1 to 5; the last `unanswered` have none."""
    draws = torch.Generator().manual_seed(seed)
    items = []
    for index in range(n):
        prompt = torch.randint(
            3, VOCABULARY, (int(torch.randint(3, 13, (), generator=draws)),), generator=draws
        ).tolist()
        length = int(torch.randint(1, 6, (), generator=draws)) if index < n - unanswered else 0
        answer = torch.randint(3, VOCABULARY, (length,), generator=draws).tolist()
        items.append(Encoded(f"q{seed}-{index}", (*prompt, *answer[:-1]), -1, tuple(answer), len(prompt) - 1))
    return items


def sentences(n: int, seed: int = 0, unlabelled: int = 0, architecture: str = "encoder") -> list[Encoded]:
    """Texts whose label is the parity of their first token; the last `unlabelled` have none."""
    draws = torch.Generator().manual_seed(seed)
    items = []
    for index in range(n):
        ids = torch.randint(3, VOCABULARY, (int(torch.randint(3, 13, (), generator=draws)),), generator=draws).tolist()
        label = ids[0] % 2 if index < n - unlabelled else -1
        if architecture == "encoder":
            items.append(Encoded(f"s{seed}-{index}", tuple(ids), label))
        else:
            answer = (1 + label,) if label >= 0 else ()
            items.append(Encoded(f"s{seed}-{index}", tuple(ids), label, answer, len(ids) - 1, (1, 2)))
    return items


def trainer(model, items, validation=None, seed=0, method=None, **settings) -> Trainer:
    """Two epochs in batches of eight, validated on the training examples where nothing else is said."""
    defaults = {"batch_size": 8, "learning_rate": 1e-2, "epochs": 2, "warmup_fraction": 0.0}
    return Trainer(
        model,
        method or Method({"ce": (1.0, Gold(model.architecture))}),
        items,
        validation if validation is not None else items,
        TrainingSettings(**(defaults | settings)),
        seed=seed,
        pad_id=0,
        device=CPU,
        precision="fp32",
    )


def weights(model) -> dict[str, torch.Tensor]:
    """A copy of all weights."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}
