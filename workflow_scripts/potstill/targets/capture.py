"""One shard of a teacher's targets: which examples, in which batches, and nothing a student's training could change."""

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from potstill.devices import group
from potstill.errors import DataError
from potstill.models.encode import encode_examples
from potstill.models.finished_batches import FinishedBatches, Row
from potstill.models.memory import in_parts_that_fit
from potstill.models.passing import rows_in_batches
from potstill.models.task_model import TaskModel
from potstill.plan.specs.targets import TargetSpec
from potstill.tables import read_frame


def shard_examples(directory: Path, spec: TargetSpec) -> pd.DataFrame:
    """The examples of one shard, with their `split`, in ascending `example_id`.

    Dealt by a hash of the id, which is a hash of the content: whatever else is in the data, an example is in this
    shard.

    Raises:
        DataError: no example at all falls into this shard.
    """
    frames = [read_frame(directory / f"{split}.parquet").assign(split=split) for split in spec.splits]
    examples = pd.concat(frames, ignore_index=True)
    mine = examples[[shard_of(example_id, spec.shards) == spec.shard for example_id in examples["example_id"]]]
    if mine.empty:
        raise DataError(
            f"{directory}: shard {spec.shard} of {spec.shards} has none of the {len(examples)} examples of "
            f"{', '.join(spec.splits)}. Use fewer shards (targets.shards)."
        )
    return mine.sort_values("example_id", ignore_index=True)


def shard_of(example_id: str, shards: int) -> int:
    """The shard that an example belongs to."""
    return int.from_bytes(hashlib.sha256(example_id.encode()).digest()[:8], "big") % shards


@torch.inference_mode()
def capture(
    task_model: TaskModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    spec: TargetSpec,
    directory: Path,
    finished: FinishedBatches | None = None,
) -> None:
    """Ask the teacher about every example and write one shard's files into `directory`.

    The teacher is in evaluation mode, without gradients; for hidden states it is cut, so use it for nothing afterwards.
    What `finished` holds is not asked again. The job's devices take batches in turn, and the first process writes.
    """
    kind = importlib.import_module(f"potstill.targets.{spec.target.kind}")
    task_model.eval().requires_grad_(False)
    items = kind.prepare(task_model, encode_examples(examples, tokenizer, spec.task, spec.model), spec.target)
    writes = spec.target.kind == "generations" and spec.task.kind != "classification"
    lengths = [len(item.input_ids) + (spec.task.max_answer_tokens if writes else 0) for item in items]

    def ask(indices: Sequence[int]) -> list[Row]:
        rows: list[Row] = kind.capture(task_model, tokenizer, [items[index] for index in indices], spec.target)
        return rows

    rows = rows_in_batches(
        "captured",
        f"{spec.target.kind} {spec.shard + 1}/{spec.shards}",
        lengths,
        spec.token_budget,
        in_parts_that_fit(ask, task_model),
        task_model.device,
        finished,
    )
    if group.leads():
        kind.write(directory, examples["example_id"].tolist(), examples["split"].tolist(), rows, spec.target)
