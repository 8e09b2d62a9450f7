"""The training loop.

One optimizer step is a pure function of (weights, optimizer state, step): its examples, their order, its learning rate
and its dropout masks follow from the seed and the step's number. What else a checkpoint has to hold is `State`.

On several devices each process runs this loop on its share of a step's examples. Gradients are summed, so that all have
the same weights at any time; alone, the functions of `devices.group` do nothing.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from potstill.devices import group
from potstill.errors import ConfigError, DataError
from potstill.methods.interface import Method
from potstill.methods.terms.gold import Gold
from potstill.models.batch import Batch, Encoded
from potstill.models.device import autocast, release_memory
from potstill.models.encode import collate
from potstill.models.memory import free_memory, is_out_of_memory
from potstill.models.task_model import TaskModel
from potstill.plan.specs.model import Precision
from potstill.plan.specs.train import TrainingSettings
from potstill.progress import Progress, say
from potstill.training.checkpoint import TrainingCheckpoints
from potstill.training.history import History
from potstill.training.optimization import build_optimizer, prepare_model
from potstill.training.randomness import seed_step
from potstill.training.sampling import epoch_batches
from potstill.training.schedule import learning_rate_factor
from potstill.training.validation import validate


@dataclass
class State:
    """What changes from step to step, besides the weights and the optimizer.

    `best_weights` holds the trainable weights of the validation with the lowest loss, on the CPU, while early stopping
    is on; `failures` counts the validations since. `seconds` is the wall time so far, interruptions left out.
    `micro_batch_size` is what fits of what was asked for.
    """

    micro_batch_size: int
    step: int = 0
    examples_seen: int = 0
    tokens_seen: int = 0
    best_step: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] | None = None
    failures: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a training was, besides the weights: counts, seconds of wall time, and the table of `history.parquet`."""

    steps: int
    best_step: int
    examples_seen: int
    tokens_seen: int
    micro_batch_size: int
    seconds: float
    history: pd.DataFrame


@dataclass
class Trainer:
    """Trains `model` (and the method's own modules) in place.

    Attributes:
        examples: all that the method may train on; those without any unit of its loss are left out.
        validation: labelled examples; they choose when to stop, never what to learn.
        pad_id: token that fills batches up; masked everywhere.
    """

    model: TaskModel
    method: Method
    examples: Sequence[Encoded]
    validation: Sequence[Encoded]
    settings: TrainingSettings
    seed: int
    pad_id: int
    device: torch.device
    precision: Precision

    def __post_init__(self) -> None:
        self.examples = [item for item in self.examples if self.method.uses(item)]
        if not self.examples:
            raise DataError("no example to train on: the method needs labelled examples, and the splits hold none")
        if self.settings.early_stopping is not None and not any(
            map(Gold(self.model.architecture).uses, self.validation)
        ):
            raise DataError("training.early_stopping needs labelled validation examples, and there are none")
        self._lengths = [len(item.input_ids) for item in self.examples]
        self.steps_per_epoch = math.ceil(len(self.examples) / self.settings.batch_size)
        self.total_steps = max(1, round(self.settings.epochs * self.steps_per_epoch))
        share = math.ceil(self.settings.batch_size / group.size())
        self.state = State(min(self.settings.micro_batch_size or share, share))
        self.history = History(list(self.method.weights))
        self.progress = Progress("step", self.total_steps)
        prepare_model(self.model, self.settings, self.seed)
        self.trained = nn.ModuleDict({"model": self.model})
        if self.method.modules is not None:
            self.trained["method"] = self.method.modules.to(self.device)
        self.optimizer = build_optimizer(self.trained, self.settings)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        # Or it would refuse to work in a process whose share of the first step is empty.
        self.scaler.scale(torch.zeros((), device=self.device))
        self._epoch = -1
        self._batches: list[list[int]] = []

    def run(self, checkpoints: TrainingCheckpoints | None = None) -> Outcome:
        """Train to the end, or until early stopping; then the weights are the last ones, or the best ones.

        Raises:
            Interrupted: `checkpoints` was asked to stop; the next trainer goes on from the one it made.
        """
        begin = time.monotonic() - self.state.seconds
        interval = self.settings.validate_every or self.steps_per_epoch
        while self.state.step < self.total_steps and not self._exhausted():
            self.step()
            if self.state.step % interval == 0 or self.state.step == self.total_steps:
                self.validate()
            self.state.seconds = time.monotonic() - begin
            if checkpoints is not None:
                checkpoints.after_step(self)
        if self.state.best_weights is not None:
            self.trained.load_state_dict(self.state.best_weights, strict=False)
        self.model.eval()
        release_memory(self.device)
        best = self.state.best_step if self.state.best_weights is not None else self.state.step
        seen = (self.state.examples_seen, self.state.tokens_seen, self.state.micro_batch_size)
        return Outcome(self.state.step, best, *seen, time.monotonic() - begin, self.history.frame())

    def step(self) -> None:
        """One optimizer step: the gradients of its micro-batches, summed, clipped and applied.

        Where memory is too short for them the step begins again with halved micro-batches.

        Raises:
            ConfigError: not even one example at a time fits, or the loss is no number.
        """
        self.model.train()
        while True:
            micro_batches = [self._collate(indices) for indices in self._micro_batches()]
            units, seen = self._counts(micro_batches)
            means = self._gradients(micro_batches, units)
            if means is not None:
                break
            self._halve_micro_batches()
        loss = sum(self.method.weights[term] * value for term, value in means.items())
        if not math.isfinite(loss):
            raise self._not_finite(loss, means)
        step = self.state.step
        rate = self.settings.learning_rate * learning_rate_factor(step, self.total_steps, self.settings)
        norm = self._apply(rate)
        self.state.step = step + 1
        self.state.examples_seen += seen["examples"]
        self.state.tokens_seen += seen["tokens"]
        epoch = self.state.step / self.steps_per_epoch
        # A term without a unit in this step has no mean: nothing was measured, which is not a loss of 0.
        measured = {term: value if units[term] else math.nan for term, value in means.items()}
        self.history.add(self.state.step, epoch, rate, norm, loss, measured)
        parts = ", ".join(f"{term} {value:.4f}" for term, value in measured.items() if not math.isnan(value))
        details = f"loss {loss:.4f} ({parts}), epoch {epoch:.2f}, learning rate {rate:.2e}"
        self.progress.advance(1, seen["tokens"], loss=loss, details=details)

    def validate(self) -> None:
        """Measure on the validation split; with early stopping, remember the weights when they are the best so far."""
        loss, score = validate(
            self.model,
            self.validation,
            pad_id=self.pad_id,
            token_budget=max(self._lengths) * self.state.micro_batch_size,
            device=self.device,
            precision=self.precision,
        )
        release_memory(self.device)
        self.history.validated(loss, score)
        accuracy = "" if math.isnan(score) else f", accuracy {100 * score:.1f} %"
        say(f"step {self.state.step}: validation loss {loss:.4f}{accuracy}")
        if self.settings.early_stopping is None:
            return
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.best_step, self.state.best_weights = loss, self.state.step, self.weights()
            self.state.failures = 0
        else:
            self.state.failures += 1

    def weights(self) -> dict[str, Tensor]:
        """A copy, on the CPU, of all that is trained: of the model and of the method's own modules."""
        named = self.trained.named_parameters()
        return {name: p.detach().cpu().clone() for name, p in named if p.requires_grad}

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """AdamW's state as `<parameter's number>.<name>`."""
        entries = self.optimizer.state_dict()["state"].items()
        return {f"{number}.{name}": value.cpu() for number, entry in entries for name, value in entry.items()}

    def restore(
        self,
        state: State,
        weights: dict[str, Tensor],
        optimizer: dict[str, Tensor],
        history: pd.DataFrame,
        scaler: dict[str, Any],
    ) -> None:
        """Put everything that changes from step to step where another trainer of the same run had it."""
        self.state = state
        self.trained.load_state_dict(weights, strict=False)
        entries: dict[int, dict[str, Tensor]] = {}
        for key, value in optimizer.items():
            number, _, name = key.partition(".")
            entries.setdefault(int(number), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": entries})
        self.history.restore(history)
        self.progress = Progress("step", self.total_steps, done=state.step)
        self.scaler.load_state_dict(scaler)

    def _counts(self, micro_batches: Sequence[Batch]) -> tuple[dict[str, int], dict[str, int]]:
        """Of the whole step, all devices together: units of each term, and examples and tokens."""
        counts = [self.method.counts(batch) for batch in micro_batches]
        seen = {
            "examples": sum(len(batch.example_ids) for batch in micro_batches),
            "tokens": sum(int(batch.attention_mask.sum()) for batch in micro_batches),
        }
        units = [sum(count[term] for count in counts) for term in self.method.weights]
        *all_units, examples, tokens = (int(number) for number in group.total([*units, *seen.values()]))
        return dict(zip(self.method.weights, all_units, strict=True)), {"examples": examples, "tokens": tokens}

    def _gradients(self, micro_batches: Sequence[Batch], units: dict[str, int]) -> dict[str, float] | None:
        """The step's gradients, in the parameters, and each term's mean; None when memory was short on any device."""
        seed_step(self.seed, self.state.step, group.rank())
        means = dict.fromkeys(units, 0.0)
        self.optimizer.zero_grad(set_to_none=True)
        fits = True
        try:
            for batch in micro_batches:
                for term, value in self._backward(batch.to(self.device), units).items():
                    means[term] += value
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            fits = False
        if group.largest(int(not fits)):
            return None
        group.sum_gradients(self._parameters())
        return group.totals(means)

    def _backward(self, batch: Batch, units: dict[str, int]) -> dict[str, float]:
        """Add the gradient of one micro-batch's share of the step's loss; returns its share of each term's mean."""
        with autocast(self.device, self.precision):
            output = self.model(batch, with_hidden=self.method.with_hidden)
            sums = self.method.sums(output, batch)
        shares = {term: value / max(units[term], 1) for term, value in sums.items()}
        loss = torch.stack([self.method.weights[term] * share for term, share in shares.items()]).sum()
        self.scaler.scale(loss).backward()
        return {term: share.item() for term, share in shares.items()}

    def _halve_micro_batches(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        free_memory()
        size = self.state.micro_batch_size
        if size == 1:
            raise self._out_of_memory()
        self.state.micro_batch_size = size // 2
        say(
            f"step {self.state.step + 1}: out of memory with {size} examples at once; the step begins again with "
            f"{size // 2}, and more of them are accumulated: the result is the same but for rounding"
        )

    def _parameters(self) -> list[nn.Parameter]:
        """All that is trained."""
        return [p for optimized in self.optimizer.param_groups for p in optimized["params"]]

    def _apply(self, rate: float) -> float:
        """Clip, then one AdamW step at this learning rate; returns the norm of the gradient before clipping."""
        for optimized in self.optimizer.param_groups:
            optimized["lr"] = rate
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self._parameters(), self.settings.max_gradient_norm or math.inf).item()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return norm

    def _micro_batches(self) -> list[Sequence[int]]:
        """This device's share of the step's examples, as indices, in portions for one forward pass each."""
        epoch, index = divmod(self.state.step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._batches = epoch_batches(
                self._lengths,
                self.settings.batch_size,
                seed=self.seed,
                epoch=epoch,
                group_by_length=self.settings.group_by_length,
            )
        indices, size = group.share(self._batches[index]), self.state.micro_batch_size
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def _collate(self, indices: Sequence[int]) -> Batch:
        batch = collate([self.examples[index] for index in indices], self.pad_id)
        self.method.attach(batch)
        return batch

    def _exhausted(self) -> bool:
        return self.settings.early_stopping is not None and self.state.failures >= self.settings.early_stopping

    def _out_of_memory(self) -> ConfigError:
        return ConfigError(
            f"out of memory on {self.device} with a single example of up to {max(self._lengths)} tokens. Set "
            "training.gradient_checkpointing: true, training.lora or training.precision: bf16, or lower the task's "
            "max_input_tokens"
        )

    def _not_finite(self, loss: float, means: dict[str, float]) -> ConfigError:
        terms = ", ".join(f"{term} {value}" for term, value in means.items())
        return ConfigError(
            f"the loss is {loss} ({terms}) at step {self.state.step + 1} of {self.total_steps}. Lower "
            f"training.learning_rate ({self.settings.learning_rate}), "
            f"or set training.precision: fp32 ({self.precision} now)"
        )
