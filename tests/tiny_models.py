"""Random models of a few thousand weights with tokenizers trained on the spot, and examples for them."""

import hashlib
from pathlib import Path

import pandas as pd
import torch
from potstill.models.load import load_task_model, load_tokenizer
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import Architecture, ModelView
from potstill.plan.specs.task import TaskView
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

torch.set_num_threads(1)

CPU = torch.device("cpu")
SENTENCES = [
    "a great film with a warm heart",
    "dull",
    "the plot is long and the jokes are old , but the end is a surprise",
    "never boring",
    "one of the worst films of this or any other year",
    "moving , funny and true",
    "it tries",
    "a mess from start to finish , and not even a charming one at that",
]
CLASSIFY = TaskView(kind="classification", verbalizers=("negative", "positive"), max_input_tokens=64)
GENERATE = TaskView(kind="generation", max_input_tokens=64, max_answer_tokens=8)
DECODER = ModelView(architecture="decoder")
ENCODER = ModelView(architecture="encoder")


def examples(n: int = 8, *, labelled: bool = True) -> pd.DataFrame:
    """`n` sentiment examples as `prepare_task` writes them."""
    rows = []
    for i in range(n):
        text = SENTENCES[i % len(SENTENCES)] + (f" , part {i}" if i >= len(SENTENCES) else "")
        label = i % 2 if labelled else -1
        rows.append(
            {
                "example_id": hashlib.sha256(text.encode()).hexdigest()[:16],
                "cluster_id": str(i),
                "text": text,
                "prompt": f"Review: {text}\nSentiment:",
                "answers": [("negative", "positive")[label]] if labelled else [],
                "label": label,
                "choices": ["negative", "positive"],
            }
        )
    return pd.DataFrame(rows)


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """GPT-2's kind: byte-level BPE; end-of-sequence only."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(_corpus(), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>")


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    """Llama's kind: blanks become part of the next word, a beginning-of-sequence token stands in front."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>", "</s>"])
    tokenizer.train_from_iterator(_corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def wordpiece_tokenizer() -> PreTrainedTokenizerFast:
    """BERT's kind."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(_corpus(), trainers.WordPieceTrainer(vocab_size=300, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def save(directory: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A plain model directory."""
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def random_model(kind: type[PreTrainedModel], config: PreTrainedConfig, seed: int = 0) -> PreTrainedModel:
    """Weights far larger than at a usual initialisation, so that logits differ visibly."""
    torch.manual_seed(seed)
    model = kind(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def llama_config(vocab_size: int, layers: int = 2, **changes: object) -> LlamaConfig:
    settings = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "bos_token_id": None,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
    }
    return LlamaConfig(**{**settings, **changes})


def llama_directory(directory: Path, layers: int = 2, seed: int = 0) -> Path:
    tokenizer = byte_level_tokenizer()
    return save(directory, random_model(LlamaForCausalLM, llama_config(len(tokenizer), layers), seed), tokenizer)


def gpt2_directory(directory: Path, layers: int = 2) -> Path:
    tokenizer = byte_level_tokenizer()
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=layers, n_head=4, n_positions=128, eos_token_id=0, bos_token_id=0
    )
    return save(directory, random_model(GPT2LMHeadModel, config), tokenizer)


def bert_directory(directory: Path, layers: int = 2) -> Path:
    tokenizer = wordpiece_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=128,
    )
    return save(directory, random_model(BertModel, config), tokenizer)


def loaded(
    directory: Path, task: TaskView = CLASSIFY, architecture: Architecture = "decoder", **view: object
) -> tuple[TaskModel, PreTrainedTokenizerFast]:
    """Model and tokenizer of a directory, through the loaders."""
    model_view = ModelView(architecture=architecture, **view)
    tokenizer = load_tokenizer(directory, model_view)
    model = load_task_model(directory, model_view, task, tokenizer, device=CPU, precision="fp32", seed=0)
    return model, tokenizer


def _corpus() -> list[str]:
    return [f"Review: {text}\nSentiment: {answer}" for text in SENTENCES for answer in ("negative", "positive")]
