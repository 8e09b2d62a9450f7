"""Targets of kind `label_logits`: the teacher's raw logit of each class, one row an example."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from potstill.models.batch import Encoded
from potstill.models.encode import collate, prompt_only
from potstill.models.finished_batches import Row
from potstill.models.task_model import TaskModel
from potstill.plan.specs.targets import LabelLogits
from potstill.tables import write_table
from potstill.targets.layout import LABEL_LOGITS

SCHEMA = pa.schema([("example_id", pa.string()), ("split", pa.string()), ("logits", pa.list_(pa.float32()))])


def prepare(task_model: TaskModel, items: Sequence[Encoded], target: Any) -> list[Encoded]:
    """What the teacher is shown: the prompts alone."""
    return [prompt_only(item) for item in items]


def capture(task_model: TaskModel, tokenizer: Any, items: Sequence[Encoded], target: LabelLogits) -> list[Row]:
    """`logits` [C] float32 of each item."""
    logits = task_model(collate(items, tokenizer.pad_token_id).to(task_model.device)).label_logits
    return [{"logits": row} for row in logits.cpu().numpy()]


def write(directory: Path, example_ids: list[str], splits: list[str], rows: list[Row], target: Any) -> None:
    """One Parquet table."""
    write_table(
        pa.table([example_ids, splits, [row["logits"] for row in rows]], schema=SCHEMA), directory / LABEL_LOGITS
    )
