"""A repository of the Hugging Face Hub at a pinned commit.

huggingface_hub does the work and honours HF_TOKEN, HF_HOME, HF_HUB_OFFLINE and HF_ENDPOINT itself; the token is read by
nobody else. What can go wrong becomes one message that says what to do.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from potstill.artefacts import sha256_file
from potstill.errors import DataError, PotstillError
from potstill.plan.specs.source import HubSource
from potstill.sources.located import Located, file_names, licence_of_card

RepositoryType = Literal["model", "dataset"]
CARDS = ("README.md", "LICENSE*", "LICENCE*")


def locate_hub(source: HubSource, repository_type: RepositoryType, patterns: Iterable[str]) -> Located:
    """The files of the repository that match `patterns` (and its card), in the Hub's cache on this machine.

    Raises:
        DataError: no network, offline mode, no permission, no such repository, commit or file, a damaged cache.
    """
    import huggingface_hub
    from httpx2 import HTTPError
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, XetDownloadError
    from huggingface_hub.utils import filter_repo_objects

    wanted = [*patterns, *CARDS]
    # In a model's subfolders lie other formats of its weights, unless a pattern leads there.
    ignored = ["*/*"] if repository_type == "model" and not any("/" in pattern for pattern in wanted) else []
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                source.hub,
                repo_type=repository_type,
                revision=source.revision,
                allow_patterns=wanted,
                ignore_patterns=ignored,
            )
        )
    except (HTTPError, ConnectionError, LocalEntryNotFoundError, XetDownloadError, HFValidationError) as error:
        raise _explained(error, source, repository_type) from None
    except ValueError as error:
        if not str(error).startswith(("Invalid filename", "Invalid pointer path")):
            raise
        raise DataError(
            f"{source.hub} on the Hugging Face Hub: a file's name in it leads out of its folder; do not use this repository"
        ) from None
    origin = {"hub": source.hub, "type": repository_type}
    # The cache's folder may also hold files that somebody fetched before.
    names = tuple(filter_repo_objects(file_names(folder), allow_patterns=wanted, ignore_patterns=ignored))
    for name in names:
        _check_blob(folder / name)
    return Located(folder, origin, source.revision, licence_of_card(folder), names, linkable=True)


def _check_blob(path: Path) -> None:
    """Compare a file of the cache with the Hub's digest of it, after which the cache names its blob.

    Large files go by their SHA-256, others by git's SHA-1; mirrors may say a plain SHA-1. Other names tell nothing.

    Raises:
        DataError: other bytes than the Hub's.
    """
    blob = Path(os.path.realpath(path))
    digest = blob.name
    if blob.parent.name != "blobs" or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", digest):
        return
    if len(digest) == 64:
        found = {sha256_file(blob)}
    else:
        content = blob.read_bytes()
        found = {hashlib.sha1(begin + content).hexdigest() for begin in (b"blob %d\0" % len(content), b"")}
    if digest not in found:
        raise DataError(
            f"{path}: its bytes are not those of the Hub, so the cache is damaged. Remove it, and the next call fetches it "
            f"again: rm {shlex.quote(str(path))} {shlex.quote(str(blob))}"
        )


def _explained(error: Exception, source: HubSource, repository_type: RepositoryType) -> PotstillError:
    from huggingface_hub import errors, get_token, is_offline_mode

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # why the Hub was not asked; that the cache lacks the files too is the lesser part
    page = f"https://huggingface.co/{'datasets/' if repository_type == 'dataset' else ''}{source.hub}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    has_token = (
        "the HF_TOKEN that is set has none" if get_token() else "no HF_TOKEN is set (in the environment or in .env)"
    )
    match error:
        case errors.GatedRepoError():
            problem = (
                f"it is gated, and {has_token}. Accept its terms at {page} and set HF_TOKEN to a token of that account"
            )
        case errors.RevisionNotFoundError():
            problem = f"it has no commit {source.revision}. Take one from {page}/commits/main"
        case errors.RepositoryNotFoundError():
            problem = f"there is no such {repository_type}, or it is private and {has_token}. Check the name at {page}"
        case errors.RemoteEntryNotFoundError():
            problem = f"a file is not there at commit {source.revision[:12]}. See {page}/tree/{source.revision}"
        case errors.HFValidationError():
            problem = "this is not a repository's name, which looks like owner/name"
        case errors.HfHubHTTPError() if status in (401, 403):
            problem = f"access is refused (HTTP {status}): {has_token}. Make a token at https://huggingface.co/settings/tokens"
        case errors.HfHubHTTPError() if status == 429:
            problem = (
                "the Hub answers that there were too many requests (HTTP 429). Wait some minutes; set HF_TOKEN for more"
            )
        case errors.HfHubHTTPError():
            problem = f"the Hub answers HTTP {status}. Try again later"
        case _ if is_offline_mode():
            problem = (
                f"HF_HUB_OFFLINE is set, and commit {source.revision[:12]} is not (completely) in the cache (HF_HOME). "
                f"Unset it for one run, or download the files elsewhere and use `path:`"
            )
        case _:
            problem = (
                f"the Hub cannot be reached ({type(error).__name__}). Check network and proxy, try again, or download "
                f"the files elsewhere and use `path:`"
            )
    return DataError(f"{source.hub} on the Hugging Face Hub: {problem}")
