"""An access token in the environment is in nothing that the smoke experiments write, whatever the format; nor is who ran them."""

import base64
import getpass
import gzip
import io
import re
import socket
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from project import CANARY, Project

pytestmark = pytest.mark.slow


def readings(content: bytes) -> Iterator[bytes]:
    """What a reader could find in a file: its bytes, and what is packed in them."""
    yield content
    if content.startswith(b"PAR1"):
        yield pq.read_table(io.BytesIO(content)).to_pandas().to_csv().encode()
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from readings(archive.read(name))
    if content.startswith(b"\x1f\x8b"):
        yield from readings(gzip.decompress(content))
    if content.startswith(b"%PDF"):
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, flags=re.DOTALL):
            try:
                yield zlib.decompressobj().decompress(stream)
            except zlib.error:
                continue
    for text in re.findall(rb"base64,([A-Za-z0-9+/=]{16,})", content):
        yield from readings(base64.b64decode(text + b"=="))


def written(project: Project) -> list[Path]:
    """All files below the project, but its `.env`."""
    return [path for path in project.folder.rglob("*") if path.is_file() and path.name != ".env"]


def holding(project: Project, word: str) -> list[str]:
    wanted = word.lower().encode()
    return [
        path.relative_to(project.folder).as_posix()
        for path in written(project)
        if any(wanted in reading.lower() for reading in readings(path.read_bytes()))
    ]


def test_no_token_is_in_anything_written(smoke: Project, generation: Project) -> None:
    for project in (smoke, generation):
        assert len(written(project)) > 300
        assert holding(project, CANARY) == []


def test_a_token_would_be_found_in_every_format(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    secret = f"hf_{CANARY}"
    encoded = base64.b64encode(gzip.compress(f"x {secret}".encode()))
    (tmp_path / "report.html").write_bytes(b'<a href="data:application/gzip;base64,' + encoded + b'">')
    (tmp_path / ".snakemake" / "log").mkdir(parents=True)
    (tmp_path / ".snakemake" / "log" / "x.log").write_text(f"token={secret}")
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", secret)
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.4 stream\n" + zlib.compress(secret.encode() * 9) + b"\nendstream")
    frame = pd.DataFrame({"a": [secret] * 1000})
    frame.to_parquet(tmp_path / "x.parquet", compression="zstd")
    assert sorted(holding(Project(tmp_path), CANARY)) == [
        ".snakemake/log/x.log",
        "report.html",
        "x.parquet",
        "x.pdf",
        "x.zip",
    ]


def test_results_say_nothing_of_who_made_them_and_where(generation: Project) -> None:
    results = [name for name in holding(generation, str(generation.folder)) if name.startswith("results/")]
    # The memory of which local files were read, by their paths: a cache, not a result.
    assert [name for name in results if name != "results/.digests.json"] == []
    for word in (socket.gethostname(), getpass.getuser()):
        if len(word) > 4:  # others are parts of words
            assert [name for name in holding(generation, word) if name.endswith((".json", ".html"))] == []
