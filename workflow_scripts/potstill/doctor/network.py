"""What lies beyond this machine: the Hub, a package index, a cluster. Nothing here prints a secret."""

import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from potstill.doctor.finding import Finding, State

SECONDS = 5.0


def hub(needed: bool) -> Iterator[Finding]:
    """Whether the Hugging Face Hub answers, as the workflow would ask it; `needed`: the experiment still fetches from it."""
    from huggingface_hub import constants, is_offline_mode

    state: State = "problem" if needed else "note"
    if is_offline_mode():
        cure = "unset HF_HUB_OFFLINE for the first run" if needed else "nothing, while all is in the cache or local"
        yield Finding("Hub", state, "HF_HUB_OFFLINE is set: only the cache is used", cure)
        return
    address = without_password(constants.ENDPOINT)
    if reason := unreachable(constants.ENDPOINT):
        cure = "check network and proxy (HTTPS_PROXY), or use `path:` sources and set HF_HUB_OFFLINE=1"
        yield Finding("Hub", state, f"{address} does not answer: {reason}", cure)
    else:
        yield Finding("Hub", "ok", f"{address} answers; cache: {constants.HF_HUB_CACHE}")


def token() -> Iterator[Finding]:
    """Whether there is a token, never what it is."""
    from huggingface_hub import get_token

    found = get_token()
    if found is None:
        cure = "only gated and private models need one: HF_TOKEN in the environment or in .env"
        yield Finding("Hub token", "note", "none", cure)
    elif not re.fullmatch(r"hf_[A-Za-z0-9]{20,}", found.strip()):
        cure = "tokens begin with hf_ and are made at https://huggingface.co/settings/tokens"
        yield Finding("Hub token", "note", "one is set, but it does not look like a token of the Hub", cure)
    else:
        yield Finding("Hub token", "ok", f"set (hf_…{found.strip()[-2:]})")


def wheels() -> Iterator[Finding]:
    """Where wheels come from: the folder that POTSTILL_WHEELS names, or a package index."""
    folder = os.environ.get("POTSTILL_WHEELS")
    if folder:
        count = len(list(Path(folder).glob("*.whl")))
        if not Path(folder).is_dir():
            yield Finding(
                "wheels", "problem", f"POTSTILL_WHEELS={folder}: no such folder", "unset it, or make the folder"
            )
        else:
            yield Finding("wheels", "ok", f"{count} in {folder} (POTSTILL_WHEELS), then pip")
        return
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple")
    if reason := unreachable(index):
        cure = "check network and proxy; a mirror: PIP_INDEX_URL; without network: POTSTILL_WHEELS names a folder of wheels"
        yield Finding("wheels", "note", f"{without_password(index)} does not answer: {reason}", cure)
    else:
        yield Finding("wheels", "ok", f"{without_password(index)} answers")


def slurm() -> Iterator[Finding]:
    """The client of a SLURM cluster, and its partitions."""
    if shutil.which("sinfo") is None or shutil.which("sbatch") is None:
        yield Finding("SLURM", "ok", "not here: jobs run on this machine")
        return
    command = ["sinfo", "--noheader", "--format", "%P %a %D nodes %G"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("SLURM", "note", f"sinfo does not answer ({type(error).__name__})", "ask the cluster's people")
        return
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        yield Finding("SLURM", "note", f"sinfo says: {said}", "is this a login node? see docs/cluster.md")
    else:
        cure = "snakemake --workflow-profile profiles/slurm (docs/cluster.md)"
        yield Finding("SLURM", "ok", f"partitions: {'; '.join(' '.join(line.split()) for line in lines)}", cure)


def unreachable(address: str) -> str | None:
    """Why an address does not answer; any answer at all, an error of HTTP included, will do."""
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "potstill-doctor"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return None
    except urllib.error.HTTPError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return without_password(str(getattr(reason, "strerror", None) or reason))


def without_password(address: str) -> str:
    """An address without the user and password that may stand in it."""
    return re.sub(r"://[^/@\s]+@", "://***@", address)
