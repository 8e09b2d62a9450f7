"""A job on several devices: its own command once more for each of them, by torch's elastic launcher.

The process that Snakemake started leases the devices, starts the others and waits. It computes nothing itself; signals
that it gets are passed on to all, and when it is killed the kernel kills the others too.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from potstill.errors import Interrupted, PotstillError
from potstill.jobs import without_prefixes
from potstill.shortage import shortage_error

# In the environment of the started processes: the id of the one that started them.
LAUNCHER = "POTSTILL_LAUNCHER"
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
# What a process gets to end by itself once another one has failed.
SHUTDOWN_SECONDS = 30
CTRL_C = 128 + signal.SIGINT
PR_SET_PDEATHSIG = 1


def is_started_by_launcher() -> bool:
    """Whether this is one of several processes of a job."""
    return LAUNCHER in os.environ


def launch(processes: int) -> None:
    """Run this very command in `processes` processes, each with one of the devices, and wait for them.

    Raises:
        PotstillError: with the message and the exit code of the one that gave up first.
        SystemExit: with its exit code, where it left no message.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.launcher.api import LaunchConfig

    # The first process speaks; what the others say is kept for the case that they fail.
    logs = Path(tempfile.mkdtemp(prefix="potstill-processes-"))
    os.environ[LAUNCHER] = str(os.getpid())
    # All are on this machine; what its name resolves to does not matter.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(os.getpid()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
        virtual_local_rank=True,
        shutdown_timeout=SHUTDOWN_SECONDS,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs), redirects=dict.fromkeys(range(1, processes), Std.ALL)),
    )
    try:
        _run(config, logs)
    finally:
        shutil.rmtree(logs, ignore_errors=True)


def _run(config: Any, logs: Path) -> None:
    """Launch in a thread: torch's own handlers of signals, which would kill after a while, are for the main thread alone."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    failures: list[BaseException] = []

    def work() -> None:
        try:
            elastic_launch(config, sys.executable)(*sys.argv)
        except BaseException as error:
            failures.append(error)

    with _quiet_launcher(), _passing_signals_on() as pass_on:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
            pass_on()
    if failures and isinstance(failures[0], ChildFailedError):
        _explain(list(failures[0].failures.values()), logs)
    elif failures:
        raise failures[0]


@contextlib.contextmanager
def _passing_signals_on() -> Iterator[Any]:
    """Yields a function that passes signals on that have come since; a second Ctrl-C has its usual effect here."""
    import psutil

    waiting: list[int] = []
    before: dict[int, Any] = {}

    def remember(number: int, frame: FrameType | None) -> None:
        waiting.append(number)
        if number == signal.SIGINT:
            signal.signal(number, before[number])

    def pass_on() -> None:
        processes = psutil.Process().children() if waiting else []
        while waiting and processes:
            number = waiting.pop(0)
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(number)

    before |= {number: signal.signal(number, remember) for number in SIGNALS}
    try:
        yield pass_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _quiet_launcher() -> Iterator[None]:
    """torch's launcher logs what is said here in other words."""
    import logging

    name = "torch.distributed.elastic"
    logging.getLogger(name).setLevel(logging.CRITICAL)
    yield


def _explain(failures: list[Any], logs: Path) -> None:
    """Raise what the process that failed first would have raised alone; one that says why counts before any other."""
    told = [failure for failure in failures if os.path.exists(failure.error_file)]
    first = min(told or failures, key=_blame)
    code = first.exitcode if first.exitcode >= 0 else 128 - first.exitcode  # as shells have it
    if told:
        error = Interrupted(first.message) if code == Interrupted.exit_code else PotstillError(first.message)
        error.exit_code = code
        raise error
    for failure in failures if code != CTRL_C else []:  # of Ctrl-C the first process has spoken
        for log in sorted(logs.rglob(f"{failure.local_rank}/std*.log")):
            sys.stderr.write(without_prefixes(log.read_text(encoding="utf-8", errors="replace")))
        if failure.exitcode < 0:
            print(f"error: process {failure.local_rank} was ended by {failure.signal_name()}", file=sys.stderr)
    raise SystemExit(code)


def _blame(failure: Any) -> tuple[int, float]:
    """Sorts the cause of a failure before what it brought about; their times are whole seconds, and often the same.

    A process that lost another one raises an exception of its own, is aborted by gloo, or told to end by the launcher.
    """
    order = {-signal.SIGKILL: 0, -signal.SIGABRT: 3, -signal.SIGTERM: 3}
    return order.get(failure.exitcode, 1 if failure.exitcode > 0 else 2), failure.timestamp


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[None]:
    """One of the started processes, connected with the others while the block runs; errors go to the launcher.

    `folder` is where the job writes: a full disk is explained with it.
    """
    _die_with_launcher()
    from potstill.devices import group

    try:
        group.join()
        yield
    except Exception as error:
        said = error if isinstance(error, PotstillError) else shortage_error(error, folder)
        if said is None:
            raise
        report = {"message": str(said), "timestamp": int(time.time())}
        Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(report), encoding="utf-8")
        raise SystemExit(said.exit_code) from None
    group.leave()


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Let one of the started processes end, well or not, without Python's clean-up: see `end_at_once`."""
    code: Any = 0
    try:
        yield
    except SystemExit as end:
        if not is_started_by_launcher():
            raise
        code = end.code
    if is_started_by_launcher():
        end_at_once(code if isinstance(code, int) else 1)


def end_at_once(code: int = 0) -> NoReturn:
    """End this process with `code`, without Python's clean-up.

    A thread of gloo may let go of a finished operation's tensor later than the one that waited for it (pytorch/pytorch
    pull request 179291), and notices at any time that its other end is gone. When that happens in Python's clean-up the
    process is aborted, finished or not.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _die_with_launcher() -> None:
    """Ask the kernel (Linux) for kill -9 when the launcher dies: it holds the lease of the device."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(os.environ[LAUNCHER]):
            os._exit(1)
