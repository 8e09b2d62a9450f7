"""What stages share: arguments that are too long for a command line lie in files, which are checked like all others."""

import json
import shlex
from pathlib import Path

import pytest
from potstill import stage
from potstill.errors import ArtefactError
from potstill.plan.plan import _inline_or_file

LONG = json.dumps({"runs": ["x" * 50] * 1000})


def written(folder: Path) -> Path:
    (argument,) = shlex.split(_inline_or_file(LONG, str(folder)))
    return Path(argument.removeprefix("@"))


def test_a_long_argument_is_read_back_from_its_file(tmp_path: Path) -> None:
    assert stage._json(f"@{written(tmp_path)}") == json.loads(LONG)
    assert stage._json('{"a": 1}') == {"a": 1}
    (tmp_path / "own.json").write_text('{"b": 2}')
    assert stage._json(f"@{tmp_path / 'own.json'}") == {"b": 2}


@pytest.mark.parametrize("place", [0, 30, 30_000, len(LONG) - 1])
def test_a_changed_long_argument_stops_its_job_and_is_written_anew_by_the_next_call(tmp_path: Path, place: int) -> None:
    file = written(tmp_path)
    changed = bytearray(file.read_bytes())
    changed[place] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ArtefactError, match=rf"{file}: damaged\. Start snakemake again"):
        stage._json(f"@{file}")
    assert written(tmp_path) == file
    assert stage._json(f"@{file}") == json.loads(LONG)
