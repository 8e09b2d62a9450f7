"""Make the models and data of the smoke experiment: two tiny random models and two small made-up data sets.

python tests/assets/make_smoke_assets.py        writes tests/assets/smoke/, the same bytes every time
"""

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

FOLDER = Path(__file__).parent / "smoke"

SUBJECTS = [
    "the film",
    "this story",
    "its cast",
    "the second half",
    "every scene",
    "the music",
    "the script",
    "the ending",
]
POSITIVE = ["moving", "funny", "bright", "tender", "clever", "gripping", "warm", "graceful"]
NEGATIVE = ["dull", "clumsy", "tired", "empty", "noisy", "stale", "cold", "pointless"]
ADVERBS = ["really", "quite", "always", "hardly ever less than", "from first to last", "in its own way"]

CITIES = ["Aldra", "Benwick", "Corlan", "Dorvik", "Elsmere", "Fenholm", "Garrow", "Holt"]
GOODS = ["salt", "glass", "wool", "copper", "paper", "honey", "amber", "tea"]


def reviews() -> list[dict[str, object]]:
    """Sentences with one telling word, and as many labels of each kind."""
    draw = random.Random(0)
    rows: dict[str, dict[str, object]] = {}
    while len(rows) < 320:
        label = len(rows) % 2
        words = POSITIVE if label else NEGATIVE
        text = f"{draw.choice(SUBJECTS)} is {draw.choice(ADVERBS)} {draw.choice(words)} and {draw.choice(words)}"
        rows.setdefault(text, {"text": text, "label": label})
    return list(rows.values())


def facts() -> list[dict[str, object]]:
    """Passages that say what two towns sell, with a question on each."""
    draw = random.Random(1)
    rows = []
    for number in range(60):
        (one, two), (first, second) = draw.sample(CITIES, 2), draw.sample(GOODS, 2)
        context = f"In year {number} the town of {one} sold {first}, and {two} sold {second}."
        for town, good in ((one, first), (two, second)):
            rows.append({"context": context, "question": f"What did {town} sell?", "answers": [good]})
    return rows


def tokenizer(corpus: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE with 384 tokens: knows every text, and fits in a few kilobytes."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.ByteLevel(trim_offsets=False)
    special = ["<pad>", "<s>", "</s>", "<unk>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner.train_from_iterator(
        corpus,
        trainers.BpeTrainer(vocab_size=384, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=256,
    )


def write() -> None:
    """Write everything below `smoke/`."""
    FOLDER.mkdir(exist_ok=True)
    for name, rows in (("reviews.jsonl", reviews()), ("facts.jsonl", facts())):
        (FOLDER / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = tokenizer([str(row["text"]) for row in reviews()] + [str(row["context"]) for row in facts()])
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 2}
    common = {**size, "vocab_size": len(words), "max_position_embeddings": 256, "pad_token_id": words.pad_token_id}
    torch.manual_seed(0)
    decoder = LlamaForCausalLM(
        LlamaConfig(
            **common,
            num_key_value_heads=2,
            tie_word_embeddings=True,
            bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id,
        )
    )
    torch.manual_seed(1)
    for folder, model in (("tiny-decoder", decoder), ("tiny-encoder", BertModel(BertConfig(**common)))):
        model.save_pretrained(FOLDER / folder)
        words.save_pretrained(FOLDER / folder)


if __name__ == "__main__":
    write()
