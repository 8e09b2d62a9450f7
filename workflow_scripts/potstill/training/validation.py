"""How well a student does on the validation split while it is trained: the gold answers decide, whatever the method."""

import math
from collections.abc import Sequence

import torch

from potstill.devices import group
from potstill.methods.terms.gold import Gold
from potstill.models.batch import Encoded
from potstill.models.device import autocast
from potstill.models.encode import collate, token_budget_batches
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import Precision


@torch.inference_mode()
def validate(
    model: TaskModel,
    items: Sequence[Encoded],
    *,
    pad_id: int,
    token_budget: int,
    device: torch.device,
    precision: Precision,
) -> tuple[float, float]:
    """Mean cross-entropy with the gold answers in nats, and the accuracy of a classification; NaN without any.

    The run's devices share the batches.
    """
    gold = Gold(model.architecture)
    loss = units = correct = labelled = 0.0
    model.eval()
    for indices in group.share(token_budget_batches([len(item.input_ids) for item in items], token_budget)):
        batch = collate([items[index] for index in indices], pad_id).to(device)
        with autocast(device, precision):
            output = model(batch)
        loss += gold.sum(output, batch).item()
        units += gold.count(batch)
        if output.label_logits is not None:
            known = batch.labels >= 0
            correct += (output.label_logits.argmax(-1) == batch.labels)[known].sum().item()
            labelled += known.sum().item()
    loss, units, correct, labelled = group.total([loss, units, correct, labelled])
    return loss / units if units else math.nan, correct / labelled if labelled else math.nan
