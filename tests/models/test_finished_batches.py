"""A pass over examples that is interrupted anywhere gives the rows of one that was not."""

import os
import signal

import numpy as np
import pytest
import torch
from potstill.checkpoints import CheckpointFolder
from potstill.errors import Interrupted
from potstill.models.finished_batches import FinishedBatches
from potstill.models.passing import rows_in_batches

LENGTHS = [3, 9, 4, 4, 8, 1, 7, 2, 5, 6]


def row(index):
    """One of every kind of value, empty and one-dimensional arrays, text that JSON must escape."""
    return {
        "logits": np.arange(index % 3, dtype=np.float32),
        "states": np.full((index % 2, 4), index / 3, dtype=np.float16),
        "text": f'{index} "é\ud83d\n',
        "n_tokens": index,
        "finished": index % 2 == 0,
    }


def same(a, b):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert type(value) is type(b[name])
        if isinstance(value, np.ndarray):
            assert value.dtype == b[name].dtype
            np.testing.assert_array_equal(value, b[name])
        else:
            assert value == b[name]


def run(folder, asked, *, every_seconds=0.0, say=lambda line: None, ask=None, name="pass", clock=None, **facts):
    kept = CheckpointFolder(folder, every_seconds, say, **({"clock": clock} if clock else {}))
    finished = FinishedBatches(kept, **facts)

    def answer(indices):
        asked.append(tuple(indices))
        if ask:
            ask(len(asked))
        return [row(index) for index in indices]

    with kept.watching():
        return rows_in_batches("asked", name, LENGTHS, 16, answer, torch.device("cpu"), finished)


class Killed(Exception):  # noqa: N818
    pass


def killed_at(count):
    def ask(number):
        if number == count:
            raise Killed

    return ask


@pytest.mark.parametrize("at", [2, 3, 5])
def test_a_resumed_pass_asks_only_what_is_missing_and_has_the_same_rows(at, tmp_path):
    whole, before, after = [], [], []
    expected = run(tmp_path / "whole", whole)
    with pytest.raises(Killed):
        run(tmp_path / "kept", before, ask=killed_at(at))
    found = run(tmp_path / "kept", after)
    assert before[:-1] + after == whole
    for a, b in zip(expected, found, strict=True):
        same(a, b)
    for index, b in enumerate(found):
        same(row(index), b)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_keeps_all_finished_batches_however_little_time_has_passed(number, tmp_path):
    before, after = [], []
    with pytest.raises(Interrupted, match=rf"{signal.Signals(number).name}: stopped after batch 3 of 5 \(pass\)"):
        run(tmp_path, before, every_seconds=1e9, ask=lambda n: n == 3 and os.kill(os.getpid(), number))
    assert len(list(tmp_path.iterdir())) == 1
    run(tmp_path, after)
    assert len(after) == 2


def test_a_short_pass_writes_nothing(tmp_path):
    run(tmp_path / "kept", [], every_seconds=1e9)
    assert not (tmp_path / "kept").exists()


def test_each_checkpoint_holds_the_batches_since_the_one_before(tmp_path):
    ticks = iter([0.0, 10.0, 31.0, 31.0, 40.0, 62.0, 62.0, 70.0])
    run(tmp_path, [], every_seconds=30.0, clock=lambda: next(ticks))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batches-00000001", "batches-00000002"]
    again = []
    run(tmp_path, again)
    assert len(again) == 1, "the last batch, after the last checkpoint"


@pytest.mark.parametrize("file", ["arrays.safetensors", "batches.json"])
def test_one_flipped_bit_and_those_batches_are_asked_again(file, tmp_path):
    whole, again, said = [], [], []
    run(tmp_path, whole)
    path = tmp_path / "batches-00000002" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for index, b in enumerate(run(tmp_path, again, say=said.append)):
        same(row(index), b)
    assert again == [whole[1]]
    assert f"batches-00000002/{file}" in said[0]
    run(tmp_path, at_last := [])
    assert not at_last, "what was asked again is kept again"


def test_rows_of_another_device_are_not_mixed_in(tmp_path):
    said, again = [], []
    run(tmp_path, [], device="cuda")
    run(tmp_path, again, device="cpu", say=said.append)
    assert len(again) == 5
    assert "device cuda instead of cpu" in said[0]


def test_two_passes_of_one_job_share_a_checkpoint_and_are_told_apart(tmp_path):
    kept = CheckpointFolder(tmp_path, 1e9, lambda line: None)
    finished = FinishedBatches(kept)
    finished.add("validation/0", [row(1)])
    finished.keep("")
    with kept.watching():
        os.kill(os.getpid(), signal.SIGTERM)
        finished.add("test/0", [row(2), row(3)])
        with pytest.raises(Interrupted):
            finished.keep("batch 1")
    again = FinishedBatches(CheckpointFolder(tmp_path, 1e9, lambda line: None))
    same(again.get("validation/0")[0], row(1))
    same(again.get("test/0")[1], row(3))
    assert again.get("test/1") is None
