"""Checkpoints of a training: what a run that was interrupted goes on from, to the same bytes.

A step is a function of (weights, optimizer state, number of the step) (`trainer.py`): that, the counts and the history so
far are all that is kept. No generator's state, no position in the data. On several devices all have the same weights: the
first process writes, and says which checkpoint is used.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load_file, save_file

from potstill.checkpoints import CheckpointFolder
from potstill.devices import group
from potstill.tables import read_frame, write_table

if TYPE_CHECKING:
    from potstill.training.trainer import Trainer

FORM = {"training checkpoint": 1}  # another number where the files or their meaning change
KEPT = 2  # the newest, and one to go back to if its bytes turn out wrong
WEIGHTS, OPTIMIZER, BEST, HISTORY, STATE = (
    "weights.safetensors",
    "optimizer.safetensors",
    "best.safetensors",
    "history.parquet",
    "state.json",
)


class TrainingCheckpoints:
    """The checkpoints `step-<n>` of one run."""

    def __init__(self, kept: CheckpointFolder) -> None:
        self.kept = kept

    def after_step(self, trainer: "Trainer") -> None:
        """Make a checkpoint when it is time.

        Raises:
            Interrupted: a signal asked to stop; the checkpoint is there.
        """
        if self.kept.is_due():
            self.save(trainer)
        self.kept.stop_if_asked(f"step {trainer.state.step} of {trainer.total_steps}")

    def save(self, trainer: "Trainer") -> None:
        """Write a checkpoint of the trainer as it is, and remove all but the newest two."""
        state = trainer.state
        facts = {f.name: getattr(state, f.name) for f in dataclasses.fields(state) if f.name != "best_weights"}
        with self.kept.writing(f"step-{state.step:08d}", FORM) as folder:
            save_file(trainer.weights(), folder / WEIGHTS)
            save_file(trainer.optimizer_tensors(), folder / OPTIMIZER)
            if state.best_weights is not None:
                save_file(state.best_weights, folder / BEST)
            write_table(trainer.history.frame(), folder / HISTORY)
            text = json.dumps({"state": facts, "scaler": trainer.scaler.state_dict()}, indent=1, sort_keys=True)
            (folder / STATE).write_text(text, encoding="utf-8")
        for old in self._found()[:-KEPT]:
            shutil.rmtree(old)

    def restore(self, trainer: "Trainer") -> bool:
        """Put a new trainer where the newest checkpoint with the right bytes was taken; False when there is none."""
        folder = group.from_first(self._newest_usable() if group.leads() else None)
        if folder is None:
            return False
        read = json.loads((folder / STATE).read_text(encoding="utf-8"))
        best = load_file(folder / BEST) if (folder / BEST).exists() else None
        trainer.restore(
            dataclasses.replace(trainer.state, **read["state"], best_weights=best),
            load_file(folder / WEIGHTS),
            load_file(folder / OPTIMIZER),
            read_frame(folder / HISTORY),
            read["scaler"],
        )
        self.kept.say(f"goes on after step {trainer.state.step} of {trainer.total_steps} ({folder})")
        return True

    def save_end(self, trainer: "Trainer") -> None:
        """Keep the end of a training that was long enough to have checkpoints: what comes after it may be long, too."""
        found = self._found()
        if group.leads() and found and found[-1].name != f"step-{trainer.state.step:08d}":
            self.save(trainer)

    def _newest_usable(self) -> Path | None:
        return next((folder for folder in reversed(self._found()) if self.kept.usable(folder, FORM)), None)

    def _found(self) -> list[Path]:
        return self.kept.found("step-*")
