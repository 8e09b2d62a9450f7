"""One job, one GPU: a job takes a free one before it begins, and has it until its process ends, however that ends.

Snakemake counts GPUs but does not say which one a job gets, and two calls of Snakemake know nothing of each other. So each
device has a file, and the job that holds the lock of that file (flock) has the device. The kernel releases a lock with its
process, after kill -9 too: no lock is ever stale.

Within a SLURM job the scheduler has chosen. Only where it gave more than is asked for (Snakemake called within one large
allocation) do its jobs share them out among themselves.
"""

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import MutableMapping, Sequence
from pathlib import Path

from potstill.devices.visible import visible_devices
from potstill.errors import ConfigError

# One folder for all users and checkouts of the machine; not TMPDIR, which many have to themselves.
FOLDER = Path("/tmp/potstill-devices")
POLL_SECONDS = 0.5
SAY_SECONDS = 60.0

_held: list[int] = []  # descriptors of locked files, open as long as the process lives


def take_devices(
    count: int, *, threads: int, granted: int | None = None, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Wait for `count` free devices and set `CUDA_VISIBLE_DEVICES` to them; on a machine without any do nothing.

    Call it before torch is imported, which reads the variable once.

    Args:
        count: devices that the job computes on, a process each.
        threads: CPU threads of the job: without a GPU, each process needs one.
        granted: GPUs that the scheduler counted for the job, where it counted any.

    Raises:
        ConfigError: more devices than the job was given.
    """
    if "SLURM_JOB_ID" in environment and not granted:
        environment.setdefault("CUDA_VISIBLE_DEVICES", "")  # what SLURM did not give is somebody else's
    devices = visible_devices(environment)
    if not devices:
        if count > threads:
            raise ConfigError(
                f"{count} devices are asked for, but there is no GPU here, and {threads} CPU threads are too few for "
                f"{count} processes: call Snakemake with --cores {count} or more, or lower devices in the experiment"
            )
        return
    given = min(len(devices), granted or len(devices))
    if count > given:
        raise ConfigError(
            f"{count} devices are asked for, but this job was given {given} (visible: {','.join(devices)}"
            f"{'' if granted is None else f'; resources: gpu={granted}'}): ask for more (--resources gpu={count}, or "
            "gpu in set-resources of a cluster's profile), or lower devices in the experiment"
        )
    job = environment.get("SLURM_JOB_ID")
    if job is not None and len(devices) == count:
        return
    chosen = _wait_for(count, devices, f"slurm-{job}." if job else "")
    environment["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)
    environment.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")


def lease_folder() -> Path:
    """Where the locks of this machine's devices lie, for all its users."""
    return Path(os.environ.get("POTSTILL_LEASES", FOLDER))


def _wait_for(count: int, devices: Sequence[str], scope: str) -> list[str]:
    folder = lease_folder()
    said = -SAY_SECONDS
    while True:
        locked = _lock_free_ones(count, [folder / f"{scope}{device.replace('/', '_')}" for device in devices])
        if len(locked) == count:
            _held.extend(locked.values())
            return [devices[number] for number in locked]
        # All or none: a job that holds one device while it waits for another could wait for ever.
        for descriptor in locked.values():
            os.close(descriptor)
        if time.monotonic() - said >= SAY_SECONDS:
            said = time.monotonic()
            print(
                f"waiting for {count} free of {len(devices)} devices ({','.join(devices)}): other jobs of Potstill on "
                f"this machine hold the locks in {folder}",
                file=sys.stderr,
                flush=True,
            )
        time.sleep(POLL_SECONDS)


def _lock_free_ones(count: int, files: Sequence[Path]) -> dict[int, int]:
    """Lock up to `count` of the files, as position -> descriptor."""
    locked: dict[int, int] = {}
    for number, file in enumerate(files):
        if len(locked) == count:
            break
        descriptor = _open(file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody may have cleaned /tmp up between opening and locking: then others lock another file.
            if os.fstat(descriptor).st_ino == os.stat(file).st_ino:
                locked[number] = descriptor
                continue
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(descriptor)
    return locked


def _open(file: Path) -> int:
    """A descriptor of the file, whoever made it: reading is enough for a lock, and no file is ever removed.

    Created only where it is missing: in a folder like /tmp Linux refuses O_CREAT on other users' files
    (fs.protected_regular).
    """
    try:
        while True:
            with contextlib.suppress(FileNotFoundError):
                return os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
            with contextlib.suppress(FileExistsError):
                _make_common(file.parent)
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
                os.fchmod(descriptor, 0o644)  # whatever the umask: others lock it too
                os.close(descriptor)
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be opened ({error.strerror}), so nobody could say which GPU is free. All users of this "
            "machine must be able to write to its folder (mode 1777); the environment variable POTSTILL_LEASES names "
            "another one"
        ) from None


def _make_common(folder: Path) -> None:
    """A folder that everybody may write to, from its first moment on."""
    mask = os.umask(0)
    try:
        os.mkdir(folder, 0o1777)
    finally:
        os.umask(mask)
