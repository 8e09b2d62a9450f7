"""Two processes that share a teacher's work write what one writes; a teacher spread over both says the same."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from potstill.errors import ConfigError
from potstill.models.load import load_tokenizer
from potstill.models.sharding import load_frozen_model
from potstill.plan.specs.evaluate import PredictSpec
from potstill.plan.specs.model import ModelView
from potstill.tables import read_frame
from safetensors.torch import load_file

sys.path.append(str(Path(__file__).parents[1] / "devices"))
from capture_together import KINDS, capture_all, make_inputs
from processes import run_together
from tiny_models import CLASSIFY, CPU, loaded

PREDICTED = ("predicted classification.parquet", "predicted generation.parquet")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    make_inputs(folder)
    capture_all(folder, folder / "alone")
    run_together(Path(__file__).with_name("capture_together.py"), folder)
    return folder


def files(place, name):
    found = [place / "alone" / name] if name in PREDICTED else sorted((place / "alone" / name).iterdir())
    assert found
    return [file.relative_to(place / "alone") for file in found]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*KINDS, *PREDICTED])
def test_two_processes_leave_the_bytes_of_one(name, place):
    for file in files(place, name):
        assert (place / "shared" / file).read_bytes() == (place / "alone" / file).read_bytes(), file


@pytest.mark.slow
@pytest.mark.parametrize("name", [*KINDS, *PREDICTED])
def test_a_teacher_that_is_spread_says_the_same(name, place):
    """But for rounding: where a gathered weight lies in memory can choose another kernel."""
    for file in files(place, name):
        found, expected = place / "sharded" / file, place / "alone" / file
        if file.suffix == ".safetensors":
            tensors = load_file(expected)
            for key, value in load_file(found).items():
                torch.testing.assert_close(value, tensors.pop(key), rtol=1e-3, atol=1e-5, msg=key)
            assert not tensors
            continue
        a, b = read_frame(found), read_frame(expected)
        if "logits" in a.columns:
            np.testing.assert_allclose(np.stack(a.pop("logits")), np.stack(b.pop("logits")), rtol=1e-4, atol=1e-6)
        assert a.equals(b)


@pytest.mark.slow
def test_each_process_holds_its_part_of_a_spread_teacher(place):
    held = [[int(n) for n in (place / f"held.{rank}.txt").read_text().split()] for rank in (0, 1)]
    assert sum(mine for mine, _, _ in held) == held[0][1]
    assert all(mine <= 0.51 * whole for mine, whole, _ in held)
    assert held[0][2] == loaded(place / "decoder", CLASSIFY)[0].parameter_count()


def test_weights_in_eight_bits_are_not_spread(tmp_path):
    make_inputs(tmp_path)
    view = ModelView(architecture="decoder", load_in_8bit=True)
    tokenizer = load_tokenizer(tmp_path / "decoder", view)
    spec = PredictSpec(task=CLASSIFY, model=view)
    with pytest.raises(ConfigError, match=r"teacher\.shard"):
        load_frozen_model(tmp_path / "decoder", spec, tokenizer, CPU, "fp32", shard=True)
    assert not torch.distributed.is_initialized()
