"""What every kind of source ends in: files on this machine, and what is known of where they came from."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Located:
    """Files ready to be taken over into an artefact.

    Attributes:
        path: a file, or the folder that the wanted files lie in.
        origin: where they came from, for the manifest.
        names: the wanted files below `path`, where other files may lie beside them; None: all.
        linkable: nobody ever writes into these files (a download's), so a hard link is as good as a copy.
    """

    path: Path
    origin: dict[str, str]
    revision: str | None = None
    licence: str | None = None
    names: tuple[str, ...] | None = None
    linkable: bool = False

    def files(self) -> dict[str, Path]:
        """The wanted files by name relative to `path`, sorted; by its own name when `path` is a file."""
        if self.path.is_file():
            return {self.path.name: self.path}
        names = self.names if self.names is not None else file_names(self.path)
        return {name: self.path / name for name in sorted(names)}

    def facts(self) -> dict[str, Any]:
        """Manifest entries: `origin`, and `revision` and `licence` where known."""
        known = {"origin": self.origin, "revision": self.revision, "licence": self.licence}
        return {key: value for key, value in known.items() if value is not None}

    def take(self, source: Path, target: Path) -> None:
        """Put one of the files at `target`: a hard link where that is safe and possible, otherwise a copy."""
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.linkable:
            try:
                # The Hub's cache keeps links into a store of blobs; it is the blob that we want.
                os.link(os.path.realpath(source), target)
                return
            except OSError:
                pass  # another file system, or one without hard links
        shutil.copyfile(source, target)


def file_names(folder: Path) -> list[str]:
    """Names of all files below `folder`, relative to it and sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def licence_of_card(folder: Path) -> str | None:
    """The licence in the YAML header of a model's or data set's README.md, if there is one."""
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    try:
        licence = (metadata_load(folder / "README.md") or {}).get("license")
    except (OSError, ValueError, YAMLError):
        return None
    return ", ".join(map(str, licence)) if isinstance(licence, list) else licence
