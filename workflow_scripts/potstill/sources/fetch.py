"""A source, whichever kind it is, as files on this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from potstill.errors import DataError
from potstill.plan.specs.source import HubSource, LocalSource, WheelSource
from potstill.sources.hub import RepositoryType, locate_hub
from potstill.sources.local import locate_local
from potstill.sources.located import Located
from potstill.sources.wheel import locate_wheel
from potstill.temporary import temporary_folder


@contextmanager
def located(
    source: HubSource | WheelSource | LocalSource,
    output: Path,
    local: Path | None,
    repository_type: RepositoryType,
    patterns: tuple[str, ...],
) -> Iterator[Located]:
    """Yield the files of `source`; what was unpacked for it goes when the block ends.

    Args:
        output: the artefact that the files are for; they are unpacked beside it, on the same file system.
        local: where a local source lies on this machine (default: its path as it is written).
        patterns: names of the files wanted from a repository of the Hub.

    Raises:
        DataError: the source cannot be had.
    """
    load_environment()
    with temporary_folder(output) as scratch:
        match source:
            case HubSource():
                yield locate_hub(source, repository_type, patterns)
            case WheelSource():
                yield locate_wheel(source, scratch)
            case LocalSource():
                yield locate_local(source, local if local is not None else Path(source.path))


def load_environment() -> None:
    """Read `.env` of the working directory into the environment, if there is one; what is set already stays.

    To be called before huggingface_hub is imported, which reads its variables once.

    Raises:
        DataError: the file cannot be read.
    """
    from dotenv import load_dotenv

    path = Path.cwd() / ".env"
    if not os.path.exists(path):
        return
    try:
        load_dotenv(path, override=False)
    except (OSError, UnicodeDecodeError) as error:
        # Not the error's text: it could quote the file, and the file holds secrets.
        raise DataError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
