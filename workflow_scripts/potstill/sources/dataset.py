"""The named files of a data set, as they are."""

import difflib
from pathlib import Path

from potstill.artefacts import MANIFEST
from potstill.errors import DataError
from potstill.sources.located import Located


def take_files(source: Located, names: tuple[str, ...], folder: Path) -> None:
    """Put the files `names` of a source into `folder` under the same names; `.` is a source that is one file.

    Raises:
        DataError: a file is not in the source, or would be taken for the manifest.
    """
    files = source.files()
    for name in names:
        known = next(iter(files)) if name == "." and source.path.is_file() else name
        if known == MANIFEST:
            raise DataError(f"{source.path}: `files` names {name!r}, but that is the name of the artefact's manifest")
        if known not in files:
            close = difflib.get_close_matches(name, files, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join([*files][:10]) or 'none'}"
            raise DataError(f"{source.path}: `files` names {name!r}, which is not in the source; {hint}")
        source.take(files[known], folder / known)
