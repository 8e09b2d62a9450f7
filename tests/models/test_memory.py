"""A batch that does not fit is asked in halves, and the answers are the same."""

import types

import numpy as np
import pytest
import torch
from potstill.errors import ConfigError
from potstill.models.memory import in_parts_that_fit, is_out_of_memory

WHOLE, SPREAD = types.SimpleNamespace(is_sharded=False), types.SimpleNamespace(is_sharded=True)


def squares(room, asked):
    """Work that holds at most `room` items at a time."""

    def work(items):
        asked.append(len(items))
        if len(items) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB\nand more")
        return [item**2 for item in items]

    return work


@pytest.mark.parametrize("room", [1, 2, 3, 5, 11])
def test_every_item_is_answered_once_and_in_order(room):
    asked = []
    found = in_parts_that_fit(squares(room, asked), WHOLE)(range(11))
    assert found == [number**2 for number in range(11)]
    assert sum(count for count in asked if count <= room) == 11


def test_one_item_that_does_not_fit_says_what_to_do():
    with pytest.raises(ConfigError, match=r"batch of 1 examples \(CUDA out of memory. Tried to allocate 1 GiB\)"):
        in_parts_that_fit(squares(0, []), WHOLE)(range(4))


def test_a_model_that_is_spread_is_not_asked_again():
    """The other processes would wait in another layer for ever."""
    asked = []
    with pytest.raises(ConfigError, match=r"teacher\.devices"):
        in_parts_that_fit(squares(2, asked), SPREAD)(range(4))
    assert asked == [4]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8.9 GB)"), True),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype("float64")), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (KeyError("memory"), False),
    ],
)
def test_what_counts_as_lack_of_memory(error, expected):
    assert is_out_of_memory(error) is expected


def test_the_systems_own_refusal_is_one():
    """What torch really says, not what somebody wrote down."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**55, dtype=torch.float32)
    assert is_out_of_memory(refused.value)
