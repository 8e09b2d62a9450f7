"""What an interrupted job leaves, and the next call of the same job goes on from.

Each checkpoint is an artefact folder of its own (`artefacts.py`): it appears by one rename, its manifest is written last,
and its bytes are verified before it is used. They lie beside the artefact, not in it: Snakemake wipes what a job declares.
Of a job on several devices the first process writes and reads them; all stop at the same place.
`training/checkpoint.py` says what a training keeps, `models/finished_batches.py` what a pass over examples does.
"""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from potstill import artefacts
from potstill.devices import group, launch
from potstill.errors import ArtefactError, ConfigError, Interrupted

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
# Between two checkpoints; the environment variable POTSTILL_CHECKPOINT_SECONDS says otherwise.
SECONDS = 300.0


class CheckpointFolder:
    """The checkpoints of one job: where they are, when the next one is due, and whether a signal asked for one.

    Args:
        folder: `.<artefact>.checkpoints`; its name says configuration and code, so all in it are of this job.
        every_seconds: time between two checkpoints; 0 makes one whenever it is possible.
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
        self.say = say
        self._every_seconds = every_seconds
        self._clock = clock
        self._last = clock()
        self._signal = 0
        self._stop = 0
        self._handlers: dict[int, Any] = {}

    @classmethod
    def beside(cls, output: Path, say: Callable[[str], None]) -> "CheckpointFolder":
        """The folder of the job that makes `output`."""
        return cls(output.with_name(f".{output.name}.checkpoints"), checkpoint_seconds(), say)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, SIGTERM, SIGUSR1 and Ctrl-C only make a checkpoint due; `stop_if_asked` then stops.

        A second Ctrl-C has its usual effect at once. A second SIGTERM has none: SLURM sends two at a time limit. Of several
        processes the launcher does as it is told (`devices/launch.py`).
        """
        self._handlers = {number: signal.signal(number, self._remember) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def is_due(self) -> bool:
        """Whether this process has to write a checkpoint: it is time, or a signal came to any process of the job.

        Of several processes all ask, at the same places, and the first one is told yes.
        """
        self._stop = group.largest(self._signal)
        return group.leads() and (self._stop != 0 or self._clock() - self._last >= self._every_seconds)

    def stop_if_asked(self, where: str) -> None:
        """Leave after a signal that `is_due` has seen; `where` says how far the job is, all of it in checkpoints.

        Raises:
            Interrupted: a signal came.
        """
        if self._stop:
            group.wait()  # one that left earlier would have the others ended
            name = signal.Signals(self._stop).name
            raise Interrupted(
                f"{name}: stopped after {where}, with a checkpoint in {self.folder}. The same command goes on from there"
            )

    @contextlib.contextmanager
    def writing(self, name: str, form: Mapping[str, Any]) -> Iterator[Path]:
        """Yield a temporary folder that becomes the checkpoint `name`; `form` says what its files mean."""
        with artefacts.writing(self.folder / name, spec=dict(form)) as folder:
            yield folder
        self._last = self._clock()

    def found(self, pattern: str) -> list[Path]:
        """The complete checkpoints whose name matches, in the order of their names."""
        return sorted(path for path in self.folder.glob(pattern) if artefacts.is_finished(path))

    def usable(self, folder: Path, form: Mapping[str, Any]) -> bool:
        """Whether a complete checkpoint has the right bytes in this form; one that has not is removed, and that is said."""
        if reason := _unusable(folder, form):
            self.say(f"checkpoint not used: {reason}")
            shutil.rmtree(folder)  # or it would stand in the way of a good one of the same name
        return not reason

    def clear(self) -> None:
        """Remove all of them: the artefact is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        if number == signal.SIGINT and not launch.is_started_by_launcher():
            signal.signal(number, self._handlers[number])


def checkpoint_seconds() -> float:
    """The time between two checkpoints that this call asks for.

    Raises:
        ConfigError: the environment variable is not a number of seconds.
    """
    text = os.environ.get("POTSTILL_CHECKPOINT_SECONDS", str(SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not seconds >= 0:
        raise ConfigError(f"POTSTILL_CHECKPOINT_SECONDS={text}: expected a number of seconds, such as 300")
    return seconds


def _unusable(folder: Path, form: Mapping[str, Any]) -> str | None:
    """Why a complete checkpoint is not to be trusted; None when it is."""
    try:
        manifest = artefacts.verify(folder)
    except ArtefactError as error:
        return str(error).partition(" Rebuild it")[0]
    found = manifest["spec"]
    if found == form:
        return None
    apart = ", ".join(
        f"{key} {found.get(key)} instead of {value}" for key, value in form.items() if found.get(key) != value
    )
    return f"{folder} is of another kind: {apart or found}"
