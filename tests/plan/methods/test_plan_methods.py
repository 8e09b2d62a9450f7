"""Options, targets, variants and refusals of the methods, as the plan sees them."""

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.errors import ConfigError
from potstill.plan import methods
from pydantic import ValidationError

CLASSIFICATION, QA = "classification", "extractive-qa"


def make(name: str, **options):
    return methods.load(name).Options.parse(options)


def test_names_and_unknown_names():
    assert methods.names() == ["b0", "kd1", "kd2", "kd3"]
    with pytest.raises(ConfigError, match=r"unknown method 'kd11'. Did you mean 'kd1'"):
        methods.load("kd11")
    with pytest.raises(ConfigError, match="unknown method '_shared'"):
        methods.load("_shared")


def test_no_torch_at_planning():
    code = "import sys; from potstill.plan import methods as m; [m.load(n) for n in m.names()]"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize("name", ["b0", "kd1", "kd2", "kd3"])
def test_every_option_is_described_and_has_a_default(name):
    options = methods.load(name).Options
    assert options() == options.parse({})
    for field in options.model_fields.values():
        assert field.description


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("kd1", {"temperatur": 2}, "temperatur"),
        ("kd1", {"temperature": 0}, "greater than 0"),
        ("kd1", {"alpha": 1.1}, "less than or equal to 1"),
        ("kd1", {"alpha": 0}, "greater than 0"),
        ("kd1", {"divergence": "kl"}, "forward_kl"),
        ("kd1", {"beta": 0.3}, "beta is for divergence: jsd"),
        ("kd1", {"alignment": "uld", "divergence": "jsd"}, "takes the place"),
        ("kd1", {"alignment": "uld", "level": "labels"}, "is for tokens"),
        ("kd2", {"gold": "all"}, "mixed"),
        ("kd3", {"layer_map": "first"}, "pattern"),
        ("kd3", {"layer_map": "1:2,3"}, "pattern"),
        ("kd3", {"temperature": 4.0}, "alpha: 0 leaves out"),
        ("kd3", {"weight": 0}, "greater than 0"),
        ("b0", {"alpha": 0.5}, "alpha"),
    ],
)
def test_wrong_options(name, options, message):
    with pytest.raises(ValidationError, match=message):
        make(name, **options)


def test_targets_do_not_depend_on_what_can_be_chosen_later():
    kd1, kd3 = methods.load("kd1"), methods.load("kd3")
    for task in (CLASSIFICATION, QA):
        grid = itertools.product((1.0, 2.0, 4.0, 8.0), (0.1, 1.0))
        wanted = {kd1.targets(make("kd1", temperature=t, alpha=a), task) for t, a in grid}
        assert len(wanted) == 1
    grid = itertools.product(("last", "skip", "1:2"), ("plain", "normalised"))
    assert len({kd3.targets(make("kd3", layer_map=m, distance=d), QA) for m, d in grid}) == 1
    assert kd3.targets(make("kd3"), QA)[0].layers is None
    (unusual,) = kd1.targets(make("kd1", temperature=5.0), QA)
    assert 5.0 in unusual.temperatures
    assert set(unusual.temperatures) > {1.0, 2.0}


def test_target_kinds():
    def kinds(name: str, task: str, **options) -> list[str]:
        return [target.kind for target in methods.load(name).targets(make(name, **options), task)]

    assert kinds("b0", QA) == []
    assert kinds("kd1", CLASSIFICATION) == ["label_logits"]
    assert kinds("kd1", CLASSIFICATION, level="tokens") == ["token_logits"]
    assert kinds("kd1", QA) == ["token_logits"]
    assert kinds("kd2", CLASSIFICATION) == ["label_logits"]
    assert kinds("kd2", QA) == ["generations"]
    assert kinds("kd3", QA) == ["hidden_states"]
    assert kinds("kd3", CLASSIFICATION, alpha=0.5) == ["hidden_states", "label_logits"]


def test_splits():
    def splits(name: str, task: str) -> tuple[str, ...]:
        return methods.load(name).splits(make(name), task)

    both = ("train", "transfer")
    assert splits("b0", QA) == splits("kd1", QA) == ("train",)
    assert splits("kd1", CLASSIFICATION) == splits("kd2", QA) == splits("kd3", QA) == both


def test_variants_read_well():
    assert methods.load("b0").variant(make("b0")) == "-"
    assert methods.load("kd1").variant(make("kd1")) == "T2_a0.5"
    assert methods.load("kd1").variant(make("kd1", divergence="jsd", beta=0.3)) == "T2_a0.5_jsd_0.3"
    assert methods.load("kd1").variant(make("kd1", alignment="uld", temperature=1.5)) == "T1.5_a0.5_uld"
    assert methods.load("kd2").variant(make("kd2")) == "-"
    assert methods.load("kd2").variant(make("kd2", gold="mixed")) == "mixed"
    assert methods.load("kd3").variant(make("kd3")) == "-"
    assert methods.load("kd3").variant(make("kd3", layer_map="1:4,2:8", alpha=0.5)) == "1-4.2-8_T2_a0.5"


def accepted(name: str, options: dict):
    try:
        return make(name, **options)
    except ValidationError:
        return None


def test_different_options_have_different_variants():
    """The variant is the key under which seeds are gathered: two points of a grid must never share it."""
    grids = {
        "kd1": {
            "temperature": [1.0, 1.5, 2.0, 1e-7, 1.0000001],
            "alpha": [0.1, 0.5, 1.0],
            "beta": [0.3, 0.5],
            "divergence": ["forward_kl", "reverse_kl", "jsd"],
            "level": ["auto", "labels", "tokens"],
            "alignment": ["none", "uld"],
        },
        "kd2": {"gold": ["none", "mixed"]},
        "kd3": {
            "weight": [0.5, 1.0, 10.0],
            "layer_map": ["uniform", "last", "skip", "1:4", "1:4,2:8"],
            "pooling": ["last", "mean", "tokens"],
            "distance": ["normalised", "plain"],
            "alpha": [0.0, 0.5],
            "temperature": [2.0, 4.0],
        },
    }
    for name, grid in grids.items():
        points = [accepted(name, dict(zip(grid, values, strict=True))) for values in itertools.product(*grid.values())]
        points = [point for point in points if point is not None]
        variants = {methods.load(name).variant(point) for point in points}
        assert len(variants) == len(points) == len(set(points))
        for variant in variants:
            assert set(variant) <= set("abcdefghijklmnopqrstuvwxyzT0123456789._-")


@given(st.floats(1e-3, 100), st.floats(1e-3, 100))
def test_numbers_in_variants_are_exact(a, b):
    variants = [methods.load("kd1").variant(make("kd1", temperature=x)) for x in (a, b)]
    assert (variants[0] == variants[1]) == (a == b)


@pytest.mark.parametrize(
    ("name", "options", "task", "same", "student", "teacher", "message"),
    [
        ("b0", {}, QA, False, "encoder", None, "cannot write the answers"),
        ("kd1", {}, QA, True, "encoder", "decoder", "cannot write the answers .* decoder as student"),
        ("kd1", {"level": "tokens"}, CLASSIFICATION, True, "encoder", "decoder", "the student is an encoder"),
        ("kd1", {}, QA, False, "decoder", "decoder", "alignment: uld .* or the method kd2"),
        ("kd1", {"level": "tokens"}, CLASSIFICATION, False, "decoder", "decoder", "alignment: uld"),
        ("kd1", {"level": "tokens"}, CLASSIFICATION, True, "decoder", "encoder", "teacher is an encoder"),
        ("kd1", {"level": "labels"}, QA, True, "decoder", "decoder", "level: tokens, or the method kd2"),
        ("kd2", {}, QA, True, "decoder", "encoder", "encoder teacher"),
        ("kd2", {}, QA, True, "encoder", "decoder", "cannot write"),
        ("kd3", {"pooling": "tokens"}, CLASSIFICATION, False, "encoder", "decoder", "pooling: last or mean"),
        ("kd3", {"alpha": 0.5}, QA, True, "decoder", "decoder", "alpha: 0, or the method kd1"),
        ("kd3", {"alpha": 0.5}, QA, True, "encoder", "decoder", "cannot write"),
    ],
)
def test_refusals_say_what_can_serve(name, options, task, same, student, teacher, message):
    import re

    found = methods.load(name).refusal(make(name, **options), task, same, student, teacher)
    assert found is not None
    assert re.search(message, found)


@pytest.mark.parametrize(
    ("name", "options", "task", "same", "student", "teacher"),
    [
        ("b0", {}, CLASSIFICATION, False, "encoder", None),
        ("b0", {}, QA, False, "decoder", None),
        ("kd1", {}, CLASSIFICATION, False, "encoder", "decoder"),
        ("kd1", {}, QA, True, "decoder", "decoder"),
        ("kd1", {"alignment": "uld"}, QA, False, "decoder", "decoder"),
        ("kd2", {}, CLASSIFICATION, False, "encoder", "decoder"),
        ("kd2", {}, QA, False, "decoder", "decoder"),
        ("kd3", {}, CLASSIFICATION, False, "encoder", "decoder"),
        ("kd3", {"pooling": "tokens"}, QA, True, "decoder", "decoder"),
        ("kd3", {"alpha": 0.5}, CLASSIFICATION, False, "encoder", "decoder"),
    ],
)
def test_what_can_serve_is_not_refused(name, options, task, same, student, teacher):
    assert methods.load(name).refusal(make(name, **options), task, same, student, teacher) is None
