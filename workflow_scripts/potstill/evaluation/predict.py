"""A model's predictions on a table of examples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedTokenizerBase

from potstill.devices import group
from potstill.models.batch import Encoded
from potstill.models.encode import collate, encode_examples, prompt_only
from potstill.models.finished_batches import FinishedBatches, Row
from potstill.models.memory import in_parts_that_fit
from potstill.models.passing import rows_in_batches
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.task import TaskView


@torch.inference_mode()
def predict(
    task_model: TaskModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: pd.DataFrame,
    task: TaskView,
    *,
    token_budget: int,
    calibration_bias: np.ndarray | torch.Tensor | None = None,
    name: str = "examples",
    finished: FinishedBatches | None = None,
) -> pd.DataFrame:
    """One row an example, in the order of `examples`: `example_id, label, logits, text, n_tokens`.

    The job's devices take batches in turn; the first process gets the rows, the others an empty table.

    Args:
        task_model: is left in the mode (training or evaluation) in which it came.
        examples: their gold answers are not read.
        token_budget: tokens in a batch, padding and answers to come included.
        calibration_bias: [C], subtracted from the label logits before the largest is taken.
        name: what this pass is called in `finished`.
        finished: what it holds is not asked again.

    Returns:
        `label` int32, the predicted class (-1 when not a classification); `logits` list<float32>, the calibrated label
        logits; `text`, the generated answer or the predicted class's verbalizer; `n_tokens` int32, tokens generated.
    """
    view = ModelView(architecture=task_model.architecture)
    items = [prompt_only(item) for item in encode_examples(examples, tokenizer, task, view)]
    classifies = task.kind == "classification"
    lengths = [len(item.input_ids) + (0 if classifies else task.max_answer_tokens) for item in items]
    training = task_model.training
    task_model.eval()

    def ask(indices: Sequence[int]) -> list[Row]:
        batch = [items[index] for index in indices]
        if classifies:
            return _classify(task_model, tokenizer, batch, calibration_bias)
        return _generate(task_model, tokenizer, batch)

    fitting = in_parts_that_fit(ask, task_model)
    rows = rows_in_batches("predicted", name, lengths, token_budget, fitting, task_model.device, finished)
    task_model.train(training)
    if not group.leads():
        examples = examples.iloc[:0]
    frame = pd.DataFrame(rows, columns=["label", "logits", "text", "n_tokens"])
    frame.insert(0, "example_id", examples["example_id"].to_numpy())
    return frame.astype({"label": np.int32, "n_tokens": np.int32})


def _classify(
    task_model: TaskModel, tokenizer: PreTrainedTokenizerBase, items: Sequence[Encoded], bias: Any
) -> list[Row]:
    logits = task_model(collate(items, tokenizer.pad_token_id).to(task_model.device)).label_logits.cpu()
    if bias is not None:
        logits = logits - torch.as_tensor(bias)
    words = [word.strip() for word in task_model.task.verbalizers]
    return [
        {"label": int(row.argmax()), "logits": row.numpy(), "text": words[int(row.argmax())], "n_tokens": 0}
        for row in logits
    ]


def _generate(task_model: TaskModel, tokenizer: PreTrainedTokenizerBase, items: Sequence[Encoded]) -> list[Row]:
    answers = task_model.generate(items, tokenizer, max_new_tokens=task_model.task.max_answer_tokens)
    nothing = np.zeros(0, dtype=np.float32)
    return [{"label": -1, "logits": nothing, "text": a.text, "n_tokens": a.n_tokens} for a in answers]
