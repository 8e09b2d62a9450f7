"""Checkpoints of a training: what a run that was interrupted goes on from, to the same bytes.

A step is a function of (weights, optimizer state, number of the step) (`trainer.py`): that, the counts and the history so
far are all that is kept. No generator's state, no position in the data.

Each checkpoint is an artefact folder of its own (`artefacts.py`): it appears by one rename, its manifest is written last,
and its bytes are verified before it is used. They lie beside the runs, not in them: Snakemake wipes what a job declares.
"""

import contextlib
import dataclasses
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file, save_file

from potstill import artefacts
from potstill.errors import ArtefactError, Interrupted
from potstill.tables import read_frame, write_table

if TYPE_CHECKING:
    from potstill.training.trainer import Trainer

FORMAT = {"checkpoint": 1}  # another number where the files or their meaning change
KEPT = 2  # the newest, and one to go back to if its bytes turn out wrong
WEIGHTS, OPTIMIZER, BEST, HISTORY, STATE = (
    "weights.safetensors",
    "optimizer.safetensors",
    "best.safetensors",
    "history.parquet",
    "state.json",
)
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Checkpoints:
    """The checkpoints of one run, in a folder of their own.

    Args:
        folder: `.<run>.checkpoints` beside the run; its name says configuration and code, so all in it are of this run.
        every_seconds: time between two checkpoints; 0 makes one at every step.
        say: where a person is told.
    """

    def __init__(
        self,
        folder: Path,
        every_seconds: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.every_seconds = every_seconds
        self._say = say
        self._clock = clock
        self._last = clock()
        self._signal: int | None = None
        self._handlers: dict[int, Any] = {}

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, SIGTERM, SIGUSR1 and Ctrl-C end the training after the step at work, with a checkpoint.

        A second Ctrl-C has its usual effect at once. A second SIGTERM has none: SLURM sends two at a time limit.
        """
        self._handlers = {number: signal.signal(number, self._remember) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def after_step(self, trainer: "Trainer") -> None:
        """Make a checkpoint when it is time.

        Raises:
            Interrupted: a signal asked to stop; the checkpoint is there.
        """
        if self._signal is None and self._clock() - self._last < self.every_seconds:
            return
        self.save(trainer)
        self._last = self._clock()
        if self._signal is not None:
            name = signal.Signals(self._signal).name
            raise Interrupted(
                f"{name}: stopped after step {trainer.state.step} of {trainer.total_steps}, with a checkpoint in "
                f"{self.folder}. The same command goes on from there"
            )

    def save(self, trainer: "Trainer") -> None:
        """Write a checkpoint of the trainer as it is, and remove all but the newest two."""
        state = trainer.state
        facts = {f.name: getattr(state, f.name) for f in dataclasses.fields(state) if f.name != "best_weights"}
        with artefacts.writing(self.folder / f"step-{state.step:08d}", spec=FORMAT) as folder:
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
        for folder in reversed(self._found()):
            if reason := _unusable(folder):
                self._say(f"checkpoint not used: {reason}")
                shutil.rmtree(folder)  # or it would stand in the way of a good one of the same step
                continue
            read = json.loads((folder / STATE).read_text(encoding="utf-8"))
            best = load_file(folder / BEST) if (folder / BEST).exists() else None
            trainer.restore(
                dataclasses.replace(trainer.state, **read["state"], best_weights=best),
                load_file(folder / WEIGHTS),
                load_file(folder / OPTIMIZER),
                read_frame(folder / HISTORY),
                read["scaler"],
            )
            self._say(f"goes on after step {trainer.state.step} of {trainer.total_steps} ({folder})")
            return True
        return False

    def clear(self) -> None:
        """Remove all of them: the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        if number == signal.SIGINT:
            signal.signal(number, self._handlers[number])

    def _found(self) -> list[Path]:
        """The complete checkpoints, oldest first."""
        return sorted(path for path in self.folder.glob("step-*") if artefacts.is_finished(path))


def _unusable(folder: Path) -> str | None:
    """Why a complete checkpoint is not to be trusted; None when it is."""
    try:
        manifest = artefacts.verify(folder)
    except ArtefactError as error:
        return str(error).partition(" Rebuild it")[0]
    return None if manifest["spec"] == FORMAT else f"{folder} was written by another version of Potstill"
