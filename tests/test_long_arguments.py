"""Arguments that are too long for a command line lie in files, which are checked like all others."""

import json
import shlex
from pathlib import Path

import pytest
from potstill.errors import ArtefactError
from potstill.long_arguments import argument, parsed

LONG = json.dumps({"runs": ["x" * 50] * 1000})


def written(folder: Path) -> Path:
    (found,) = shlex.split(argument(LONG, str(folder)))
    return Path(found.removeprefix("@"))


def test_a_long_argument_is_read_back_from_its_file(tmp_path: Path) -> None:
    assert parsed(f"@{written(tmp_path)}") == json.loads(LONG)
    assert parsed('{"a": 1}') == {"a": 1}
    (tmp_path / "own.json").write_text('{"b": 2}')
    assert parsed(f"@{tmp_path / 'own.json'}") == {"b": 2}


@pytest.mark.parametrize("place", [0, 30, 30_000, len(LONG) - 1])
def test_a_changed_long_argument_stops_its_job_and_is_written_anew_by_the_next_call(tmp_path: Path, place: int) -> None:
    file = written(tmp_path)
    changed = bytearray(file.read_bytes())
    changed[place] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ArtefactError, match=rf"{file}: damaged\. Start snakemake again"):
        parsed(f"@{file}")
    assert written(tmp_path) == file
    assert parsed(f"@{file}") == json.loads(LONG)
