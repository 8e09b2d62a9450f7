"""Files inside the report: what is small goes into the page itself, what is large is linked by a relative path."""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

from potstill.errors import ArtefactError

LARGEST = 400_000  # bytes of a file that is offered from inside the page
ALL = 12_000_000  # bytes of all of them
_TYPES = {
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".svg": "image/svg+xml",
    ".csv": "text/csv",
    ".tex": "text/x-tex",
}
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Link:
    """A file offered for download: `PDF`, its address, and its name on the reader's disk."""

    label: str
    href: str
    name: str


class Embedder:
    """Turns files below an experiment's folder into addresses, until the page is as large as it may be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._left = ALL

    def link(self, name: str) -> Link | None:
        """A link to a file by its path relative to the folder; None when it is not there."""
        path = self.folder / name
        if not path.is_file():
            return None
        label, data = path.suffix[1:].upper(), path.read_bytes()
        if len(data) > min(LARGEST, self._left):
            return Link(label, name, path.name)
        self._left -= len(data)
        return Link(label, data_uri(data, path.suffix), path.name)

    def links(self, *names: str) -> list[Link]:
        """Links to those files that are there."""
        return [link for name in names if (link := self.link(name))]


def data_uri(data: bytes, suffix: str) -> str:
    """A file's content as an address."""
    return f"data:{_TYPES[suffix]};base64,{base64.b64encode(data).decode()}"


def png_size(data: bytes, path: Path) -> tuple[int, int]:
    """Width and height of a PNG file, pixels.

    Raises:
        ArtefactError: it is none.
    """
    if data[:8] != _PNG or len(data) < 24:
        raise ArtefactError(f"{path}: not a PNG file")
    width, height = struct.unpack(">II", data[16:24])
    return int(width), int(height)
