"""What there is to compute with, and whether it suffices for the experiment."""

import os
from collections.abc import Iterator
from pathlib import Path

from potstill.doctor.finding import Finding


def devices() -> Iterator[Finding]:
    """CPU threads, and accelerators as torch sees them."""
    try:
        import torch
    except ImportError as error:
        yield Finding(
            "devices", "problem", f"torch cannot be imported: {error}", "pip install -r envs/requirements.txt"
        )
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("CPU", "ok", f"{cores} cores for this process")
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    names = [f"{gpu.name} ({gpu.total_memory / 1e9:.0f} GB)" for gpu in gpus]
    if names:
        yield Finding("GPU", "ok", f"{len(names)}: {', '.join(names)}; CUDA {torch.version.cuda}")
    elif torch.backends.mps.is_available():
        yield Finding("GPU", "ok", "Apple's, through MPS")
    elif any(Path("/dev").glob("nvidia[0-9]*")):
        cure = "compare the driver (nvidia-smi) with the CUDA of this build, or look at CUDA_VISIBLE_DEVICES"
        yield Finding("GPU", "problem", f"there is one, but torch {torch.__version__} does not see it", cure)
    else:
        yield Finding("GPU", "note", "none: everything is computed on the CPU", "`make plan` says what that will take")


def memory(needed: float) -> Iterator[Finding]:
    """Main memory; `needed` bytes is what the experiment's largest job takes (0: not known)."""
    import psutil

    found = psutil.virtual_memory()
    text = f"{found.available / 1e9:.1f} GB of {found.total / 1e9:.1f} GB free"
    if not needed:
        yield Finding("memory", "ok", text)
    elif needed > found.total:
        cure = "take smaller models, batches or precision, or a larger machine (docs/cluster.md)"
        yield Finding("memory", "problem", f"{text}; the largest job needs about {needed / 1e9:.1f} GB", cure)
    elif needed > found.available:
        cure = "close other programs, or call Snakemake with fewer --cores"
        yield Finding("memory", "note", f"{text}; the largest job needs about {needed / 1e9:.1f} GB", cure)
    else:
        yield Finding("memory", "ok", f"{text}; the largest job needs about {needed / 1e9:.1f} GB")


def leases(folder: Path) -> Iterator[Finding]:
    """Local GPUs that jobs hold at the moment: each has a file, and who holds its lock has the device."""
    import fcntl

    held = []
    for file in sorted(folder.glob("*")) if folder.is_dir() else ():
        try:
            with file.open("rb") as stream:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            held.append(file.name)
        except OSError:
            continue
    if held:
        yield Finding(
            "GPU leases", "note", f"in use by jobs of Potstill: {', '.join(held)}", "further jobs wait for them"
        )
    else:
        yield Finding("GPU leases", "ok", "none held")
