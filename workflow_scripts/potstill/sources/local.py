"""Files of this machine, taken over as they are when their content is still what the plan saw."""

from pathlib import Path

from potstill.digest import path_digest
from potstill.errors import DataError
from potstill.plan.specs.source import LocalSource
from potstill.sources.located import Located, licence_of_card


def locate_local(source: LocalSource, path: Path) -> Located:
    """The files at `path`, which is where `source` lies on this machine.

    Raises:
        DataError: nothing is there, or its content is not what `source.sha256` says.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file or folder (a source names path: {source.path})")
    if source.sha256 is not None and (found := path_digest(path)) != source.sha256:
        raise DataError(
            f"{path}: its content changed while the workflow ran (digest {found[:12]}, planned was "
            f"{source.sha256[:12]}); start snakemake again"
        )
    origin = {"path": path.name, "sha256": source.sha256 or path_digest(path)}
    return Located(path, origin, licence=licence_of_card(path) if path.is_dir() else None)
