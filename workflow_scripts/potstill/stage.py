"""The command line that every stage script shares, and its way to report a user's mistake.

    python workflow_scripts/STAGE.py --spec JSON --inputs JSON --output PATH [--threads N] [--devices N]

`--spec` says what to make, `--inputs` where its inputs lie (role -> path or list of paths), `--output` where the artefact
goes. Paths are not part of the spec: the same artefact is the same wherever it lies. `@FILE` in place of JSON reads the file.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill.artefacts import is_finished
from potstill.devices import launch
from potstill.devices.lease import take_devices
from potstill.errors import PotstillError
from potstill.jobs import job_name, prefixed_output, progress_file
from potstill.long_arguments import parsed
from potstill.products import date_back, is_recorded
from potstill.progress import say, shown_in
from potstill.shortage import shortage_error
from potstill.sole_maker import sole_maker
from potstill.version_gate import refuse_unsafe


@dataclass(frozen=True)
class Stage:
    """One job's command line, parsed.

    Attributes:
        threads: CPU threads of this process.
        shard_model: whether a teacher's weights are spread over the job's devices.
    """

    spec: dict[str, Any]
    inputs: dict[str, Any]
    output: Path
    threads: int
    shard_model: bool = False

    def path(self, role: str) -> Path:
        """The one path given for `role`."""
        return Path(self.inputs[role])

    def paths(self, role: str) -> list[Path]:
        """All paths given for `role`; empty when there are none."""
        value = self.inputs.get(role, [])
        return [Path(value)] if isinstance(value, str) else [Path(item) for item in value]


def run(main: Callable[[Stage], None], *, on_device: bool = False) -> None:
    """Parse the command line, call `main(stage)`, and turn a `PotstillError` into one message and its exit code.

    Args:
        main: the stage's work.
        on_device: whether it computes on a GPU where there is one: then it gets one of its own, or `--devices` of them
            with a process for each, which all call `main`.
    """
    arguments = _parser(sys.modules[main.__module__].__doc__ or "", on_device).parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, min(arguments.threads, cores) // arguments.devices)
    limit_threads(threads)
    # The shell around a job ignores it (rules/common.smk); a stage ends, unless it says otherwise.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    name = job_name(Path(sys.argv[0]).stem, arguments.output)
    with (
        launch.ending_at_once(),
        prefixed_output(name),
        shown_in(progress_file(arguments.output)),
        explain_errors(arguments.output.parent),
    ):
        refuse_unsafe()
        stage = Stage(
            parsed(arguments.spec), parsed(arguments.inputs), arguments.output, threads, arguments.shard_model
        )
        if launch.is_started_by_launcher():
            with launch.joined(arguments.output.parent):
                return main(stage)
        with sole_maker(stage.output, say):
            if is_finished(stage.output) or is_recorded(stage.inputs):
                say(f"{stage.output}: another process has made it meanwhile")
            else:
                if on_device:
                    take_devices(arguments.devices, threads=arguments.threads, granted=arguments.granted)
                if arguments.devices > 1:
                    launch.launch(arguments.devices)
                else:
                    main(stage)
            date_back(stage.inputs)


def _parser(description: str, on_device: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description.strip().split("\n")[0])
    parser.add_argument("--spec", required=True, help="canonical JSON: what to make")
    parser.add_argument("--inputs", default="{}", help="JSON: role -> path or list of paths")
    parser.add_argument("--output", required=True, type=Path, help="the artefact to write")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads this job may use")
    parser.set_defaults(devices=1, granted=None, shard_model=False)
    if on_device:
        parser.add_argument("--devices", type=int, help="devices to compute on, a process each")
        parser.add_argument("--granted", type=int, help="GPUs that the scheduler counted for this job")
        parser.add_argument("--shard-model", action="store_true", help="spread the teacher's weights over the devices")
    return parser


def limit_threads(threads: int) -> None:
    """Let no library start more threads than the job has; before any is imported, because they read this once."""
    for library in ("OMP_NUM", "MKL_NUM", "OPENBLAS_NUM", "VECLIB_MAXIMUM", "NUMEXPR_NUM", "RAYON_NUM"):
        os.environ[f"{library}_THREADS"] = str(threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Threads that wait for each other by spinning waste the cores that other jobs need: a step took twice as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextlib.contextmanager
def explain_errors(folder: Path = Path()) -> Iterator[None]:
    """Print what a user can mend, or that Ctrl-C was pressed, as one message and leave with its exit code: 2, 75 or 130.

    `folder` is where results go: what a full or read-only disk is looked for at, when the error does not say where.
    """
    try:
        yield
    except PotstillError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except Exception as error:
        if explained := shortage_error(error, folder):
            print(f"error: {explained}", file=sys.stderr)
            raise SystemExit(explained.exit_code) from None
        raise
    except KeyboardInterrupt:
        print("error: interrupted; nothing half-made was left", file=sys.stderr)
        raise SystemExit(130) from None  # 128 + SIGINT, as shells have it
