"""Digests of content: equal for equal content, different for any difference, and quick the second time."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from potstill import digest
from potstill.digest import path_digest
from potstill.errors import DataError

names = st.text("ab./ é", min_size=1, max_size=6).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)
trees = st.dictionaries(names, st.binary(max_size=4), min_size=1, max_size=4).filter(
    lambda tree: not any(other.startswith(f"{name}/") for name in tree for other in tree)
)


def plant(folder: Path, tree: dict[str, bytes]) -> Path:
    for name, content in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert path_digest(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(trees, trees)
def test_folders_are_equal_exactly_when_names_and_contents_are(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    first = path_digest(plant(tmp_path_factory.mktemp("tree"), one))
    again = path_digest(plant(tmp_path_factory.mktemp("tree"), dict(reversed(one.items()))))
    second = path_digest(plant(tmp_path_factory.mktemp("tree"), other))
    assert first == again
    assert (first == second) == (one == other)


def test_moving_a_byte_from_one_file_to_the_next_is_seen(tmp_path: Path) -> None:
    one = path_digest(plant(tmp_path / "one", {"a": b"xy", "b": b"z"}))
    other = path_digest(plant(tmp_path / "two", {"a": b"x", "b": b"yz"}))
    assert one != other


def test_the_cache_saves_reading_and_sees_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, cache = plant(tmp_path / "data", {"a": b"1", "sub/b": b"2"}), tmp_path / "results" / "digests.json"
    read: list[Path] = []
    original = digest.sha256_file
    monkeypatch.setattr(digest, "sha256_file", lambda path: (read.append(path), original(path))[1])
    first = path_digest(folder, cache)
    assert len(read) == 2
    assert path_digest(folder, cache) == first == path_digest(folder)
    assert len(read) == 4  # two for the call without cache
    (folder / "a").write_bytes(b"other")
    assert path_digest(folder, cache) != first
    assert len(read) == 5
    os.utime(folder / "a", ns=(1, 1))
    path_digest(folder, cache)
    assert len(read) == 6


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}', "null"])
def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path: Path, content: str) -> None:
    folder = plant(tmp_path / "data", {"a": b"1"})
    cache = tmp_path / "digests.json"
    cache.write_text(content)
    assert path_digest(folder, cache) == path_digest(folder)
    known = {os.path.abspath(folder / "a"): content}
    cache.write_text(json.dumps(known))
    assert path_digest(folder, cache) == path_digest(folder)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none: no such file or folder"):
        path_digest(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: the folder holds no files"):
        path_digest(tmp_path / "empty")
