"""The GPUs that jobs on this machine may use, counted without torch: the plan is made again and again, and must be fast.

CUDA numbers devices by their place among those that a process sees. `CUDA_DEVICE_ORDER` is set to the order of the bus,
which is that of the device files, wherever a device is chosen here.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

DEVICE_FILES = Path("/dev")
MIG_SLICES = "/proc/driver/nvidia/capabilities/gpu*/mig/gi*"


def visible_devices(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` may name, in CUDA's order; empty where there is no NVIDIA GPU, or none is allowed.

    `CUDA_VISIBLE_DEVICES` restricts them as it restricts CUDA: the list ends at the first entry that is no device.
    `POTSTILL_DEVICES`, for tests, pretends that the machine has these ("0,1").
    """
    pretended = environment.get("POTSTILL_DEVICES")
    present = _present() if pretended is None else _entries(pretended)
    restriction = environment.get("CUDA_VISIBLE_DEVICES")
    if restriction is None or not present:
        return present
    allowed: list[str] = []
    for entry in _entries(restriction):
        # A number counts the devices that are there; a UUID (GPU-..., MIG-...) is taken at its word.
        if entry in allowed or not (int(entry) < len(present) if entry.isdigit() else re.match("GPU-|MIG-", entry)):
            break
        allowed.append(entry)
    return allowed


def _present() -> list[str]:
    """By number; by UUID where GPUs are cut into slices (MIG), which have no numbers. Device files tell without a call."""
    files = [path for path in DEVICE_FILES.glob("nvidia*") if path.name.removeprefix("nvidia").isdigit()]
    sliced = any(Path("/").glob(MIG_SLICES.removeprefix("/")))
    if files and not sliced:
        return [str(number) for number in range(len(files))]
    listed = _listed() if files or shutil.which("nvidia-smi") else []
    return listed or [str(number) for number in range(len(files))]


def _listed() -> list[str]:
    """By `nvidia-smi -L`: MIG slices by UUID, and whole GPUs by number where there are no slices at all."""
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return parsed(done.stdout)


def parsed(listing: str) -> list[str]:
    """The devices of a listing such as

    GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5c89852c)
      MIG 1g.5gb     Device  0: (UUID: MIG-c6d4f1ef)

    A GPU that is cut into slices is none itself.
    """
    whole: list[list[str]] = []
    for line in listing.splitlines():
        if found := re.match(r"GPU \d+:.*\(UUID: ([\w-]+)\)", line):
            whole.append([found[1]])
        elif (found := re.match(r"\s+MIG .*\(UUID: ([\w/-]+)\)", line)) and whole:
            whole[-1].append(found[1])
    if all(len(entry) == 1 for entry in whole):
        return [str(number) for number in range(len(whole))]
    return [uuid for gpu, *slices in whole for uuid in (slices or [gpu])]


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]
