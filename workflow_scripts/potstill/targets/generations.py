"""Targets of kind `generations`: the teacher's own answer to each prompt.

For a classification it is the verbalizer of the most probable class (or one drawn from the classes' softmax): what a
teacher that may only answer with these words would say.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from potstill.models.batch import Encoded
from potstill.models.encode import collate, prompt_only
from potstill.models.finished_batches import Row
from potstill.models.randomness import generator
from potstill.models.task_model import Generated, TaskModel
from potstill.plan.specs.targets import Generations
from potstill.tables import write_table
from potstill.targets.layout import GENERATIONS

SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("n_tokens", pa.int32()),
        ("finished", pa.bool_()),
    ]
)


def prepare(task_model: TaskModel, items: Sequence[Encoded], target: Any) -> list[Encoded]:
    """What the teacher is shown: the prompts alone."""
    return [prompt_only(item) for item in items]


def capture(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: Generations) -> list[Row]:
    """One answer to each item: `text`, `n_tokens`, `finished`."""
    return [asdict(answer) for answer in _answers(task_model, tokenizer, items, target)]


def _answers(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: Generations) -> list[Generated]:
    if task_model.task.kind == "classification":
        return _choose(task_model, tokenizer, items, target)
    return task_model.generate(
        items,
        tokenizer,
        max_new_tokens=task_model.task.max_answer_tokens,
        temperature=target.temperature,
        top_p=target.top_p,
        seed=target.seed,
    )


def _choose(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: Generations) -> list[Generated]:
    logits = task_model(collate(items, tokenizer.pad_token_id).to(task_model.device)).label_logits.cpu()
    chosen = []
    for item, row in zip(items, logits, strict=True):
        if target.temperature > 0:
            draws = generator(target.seed, "generate", item.example_id)
            label = int(torch.multinomial(torch.softmax(row / target.temperature, -1), 1, generator=draws))
        else:
            label = int(row.argmax())
        chosen.append(Generated(task_model.task.verbalizers[label].strip(), 1, True))
    return chosen


def write(directory: Path, example_ids: list[str], splits: list[str], rows: list[Row], target: Any) -> None:
    """One Parquet table."""
    answers = [[row[name] for row in rows] for name in ("text", "n_tokens", "finished")]
    write_table(pa.table([example_ids, splits, *answers], schema=SCHEMA), directory / GENERATIONS)
