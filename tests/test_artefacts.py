"""Artefacts: written whole or not at all, and every damage is found and named."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill import artefacts
from potstill.errors import ArtefactError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def write(directory: Path, content: bytes = b"0123456789" * 100) -> Path:
    with artefacts.writing(directory, spec={"a": 1}, licence="MIT") as folder:
        (folder / "data.bin").write_bytes(content)
        (folder / "sub").mkdir()
        (folder / "sub" / "more.txt").write_text("more")
    return directory


@given(json_values)
def test_canonical_json_keeps_the_value_and_forgets_the_order_of_keys(value: object) -> None:
    text = artefacts.canonical_json(value)
    assert json.loads(text) == value
    if isinstance(value, dict):
        assert artefacts.canonical_json(dict(reversed(value.items()))) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_canonical_json_refuses_what_json_cannot_say(value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        artefacts.canonical_json(value)


def test_an_artefact_is_complete_with_manifest_and_nothing_beside_it(tmp_path: Path) -> None:
    artefact = write(tmp_path / "results" / "thing-1")
    manifest = artefacts.verify(artefact)
    assert set(manifest["files"]) == {"data.bin", "sub/more.txt"}
    assert manifest["files"]["sub/more.txt"]["bytes"] == 4
    assert (manifest["spec"], manifest["licence"], manifest["artefact"]) == ({"a": 1}, "MIT", "thing-1")
    assert artefacts.is_finished(artefact)
    assert os.listdir(artefact.parent) == ["thing-1"]


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    def half_way() -> None:
        with artefacts.writing(tmp_path / "thing", spec={}) as folder:
            (folder / "half").write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        half_way()
    assert os.listdir(tmp_path) == []


def test_a_killed_writer_leaves_no_artefact(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom potstill import artefacts\n"
        "with artefacts.writing(sys.argv[1], spec={}) as folder:\n"
        "    (folder / 'data').write_text('x')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(artefacts.__file__).parent.parent)}
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "thing")], env=environment)
    assert killed.returncode == -9
    assert not artefacts.is_finished(tmp_path / "thing")
    write(tmp_path / "thing")
    artefacts.verify(tmp_path / "thing")


def test_of_two_processes_that_publish_the_same_artefact_at_once_the_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = artefacts.is_finished

    def publish_between(directory: Path) -> bool:
        """The other process publishes right after this one has found nothing."""
        monkeypatch.setattr(artefacts, "is_finished", looked)
        found = looked(directory)
        write(directory)
        first.append((directory / "data.bin").stat().st_ino)
        return found

    first: list[int] = []
    with artefacts.writing(tmp_path / "thing", spec={"a": 1}) as folder:
        (folder / "data.bin").write_bytes(b"0123456789" * 100)
        monkeypatch.setattr(artefacts, "is_finished", publish_between)
    assert [(tmp_path / "thing" / "data.bin").stat().st_ino] == first
    assert os.listdir(tmp_path) == ["thing"]


def test_many_processes_that_publish_the_same_artefacts_all_end_well(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom potstill import artefacts\n"
        "while not Path(sys.argv[1], 'go').exists():\n    pass\n"
        "for number in range(100):\n"
        "    with artefacts.writing(Path(sys.argv[1], 'results', str(number)), spec={}) as folder:\n"
        "        (folder / 'data').write_text('x')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(artefacts.__file__).parent.parent)}
    for number in range(0, 100, 2):  # what Snakemake makes beforehand, and what somebody's rm left
        (tmp_path / "results" / str(number) / ("half" if number % 4 else ".")).mkdir(parents=True)
    command = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    (tmp_path / "go").touch()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 4
    assert sorted(os.listdir(tmp_path / "results"), key=int) == [str(number) for number in range(100)]
    for number in range(100):
        artefacts.verify(tmp_path / "results" / str(number))


def test_an_unfinished_leftover_is_replaced_and_a_finished_artefact_is_not(tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "leftover").write_text("old")
    write(tmp_path / "thing", b"first")
    assert not (tmp_path / "thing" / "leftover").exists()
    write(tmp_path / "thing", b"second")
    assert (tmp_path / "thing" / "data.bin").read_bytes() == b"first"


@pytest.mark.parametrize("position", [0, 499, 999])
def test_a_flipped_bit_is_found(tmp_path: Path, position: int) -> None:
    artefact = write(tmp_path / "thing")
    data = bytearray((artefact / "data.bin").read_bytes())
    data[position] ^= 1
    (artefact / "data.bin").write_bytes(data)
    with pytest.raises(ArtefactError, match=r"data\.bin: its bytes changed.*Rebuild it: rm -r .*thing"):
        artefacts.verify(artefact)


def test_a_truncated_a_missing_and_an_unlisted_file_are_found(tmp_path: Path) -> None:
    artefact = write(tmp_path / "thing")
    (artefact / "data.bin").write_bytes(b"short")
    with pytest.raises(ArtefactError, match=r"data\.bin: 5 bytes, but 1000 were written"):
        artefacts.verify(artefact)
    (artefact / "data.bin").unlink()
    with pytest.raises(ArtefactError, match=r"data\.bin: missing"):
        artefacts.verify(artefact)
    artefacts.verify(artefact, ["sub/more.txt"])
    with pytest.raises(ArtefactError, match="other"):
        artefacts.verify(artefact, ["other"])


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"spec": 1}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    artefact = write(tmp_path / "thing")
    (artefact / "manifest.json").write_text(text)
    with pytest.raises(ArtefactError, match=r"manifest\.json: damaged"):
        artefacts.read_manifest(artefact)


def test_every_flipped_bit_of_a_manifest_is_found(tmp_path: Path) -> None:
    artefact = write(tmp_path / "thing-0123456789.abcdef")
    path = artefact / "manifest.json"
    written = path.read_bytes()
    for position in range(len(written)):
        changed = bytearray(written)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        with pytest.raises(ArtefactError, match=r"manifest\.json: damaged.*Rebuild it: rm -r "):
            artefacts.read_manifest(artefact)
    path.write_bytes(written)
    assert artefacts.verify(artefact)["digests"] == {"spec": "0123456789", "code": "abcdef"}


def test_two_artefacts_that_change_places_are_told_apart(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name)
    artefacts.verify(tmp_path / "one")
    (tmp_path / "one").rename(tmp_path / "other")
    (tmp_path / "two").rename(tmp_path / "one")
    with pytest.raises(ArtefactError, match=r"one/manifest\.json: this is the manifest of two\. Rebuild it"):
        artefacts.verify(tmp_path / "one")


def test_a_manifest_of_the_time_before_seals_is_still_read(tmp_path: Path) -> None:
    artefact = write(tmp_path / "thing")
    manifest = dict(artefacts.read_manifest(artefact))
    for key in ("commit", "modified", "digests"):
        del manifest[key]
    (artefact / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    assert artefacts.verify(artefact) == manifest


def test_a_file_that_was_put_there_later_is_found_when_all_is_read(tmp_path: Path) -> None:
    artefact = write(tmp_path / "thing")
    (artefact / ".DS_Store").write_text("")
    artefacts.verify(artefact)
    (artefact / "sub" / "adapter_config.json").write_text("{}")
    artefacts.verify(artefact, ["data.bin"])
    with pytest.raises(ArtefactError, match=r"adapter_config\.json: not listed.*Remove it: rm .*adapter_config\.json$"):
        artefacts.verify(artefact)


def test_the_cure_is_of_this_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POTSTILL_CALL", "experiment=smoke 'results=my results'")
    assert artefacts.rebuild_hint("my results/runs/x") == (
        "Rebuild it: rm -r 'my results/runs/x' && "
        "snakemake --cores all 'my results/runs/x/manifest.json' --config experiment=smoke 'results=my results'"
    )
    assert artefacts.rebuild_hint("r/runs/.x.checkpoints/step-3").partition(" --config")[0] == (
        "Rebuild it: rm -r r/runs/.x.checkpoints/step-3 && snakemake --cores all r/runs/x/manifest.json"
    )
    monkeypatch.setenv("POTSTILL_CALL", "code=keep")
    assert artefacts.rebuild_hint("r/runs/x").endswith("&& snakemake --cores all all --config code=keep")


def test_a_folder_without_manifest_was_never_finished(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="never finished"):
        artefacts.verify(tmp_path)


def test_private_files_become_readable_as_the_umask_says(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        with artefacts.writing(tmp_path / "thing", spec={}) as folder:
            (folder / "private").touch(mode=0o600)
    finally:
        os.umask(previous)
    modes = {name: stat.S_IMODE((tmp_path / "thing" / name).stat().st_mode) for name in ("private", "manifest.json")}
    assert modes == {"private": 0o640, "manifest.json": 0o640}
    assert stat.S_IMODE((tmp_path / "thing").stat().st_mode) == 0o750


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    artefacts.write_atomically(tmp_path / "sub" / "record.json", "first")
    artefacts.write_atomically(tmp_path / "sub" / "record.json", "second")
    assert (tmp_path / "sub" / "record.json").read_text() == "second"
    assert os.listdir(tmp_path / "sub") == ["record.json"]


def test_nothing_is_named_before_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut, which no kill of a process imitates: files, then the manifest, then its name, then the folder's name."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        steps.append(f"sync {Path(os.readlink(f'/proc/self/fd/{descriptor}')).name}")
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> None:
        steps.append(f"name {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    write(tmp_path / "thing")
    temporary = re.compile(r"\.(thing|manifest\.json)\.\S+\.tmp")
    assert [temporary.sub(r"(\1)", step) for step in steps] == [
        "sync data.bin",
        "sync more.txt",
        "sync (manifest.json)",
        "name manifest.json",
        "sync (thing)",
        "name thing",
        f"sync {tmp_path.name}",
    ]
