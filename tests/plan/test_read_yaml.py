"""Reading YAML: plain words mean what people mean, `extends` merges, and grids are written as lists."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from potstill.errors import ConfigError
from potstill.plan import methods
from potstill.plan.grid import expand
from potstill.plan.read import merge, read_extending, read_yaml


@pytest.fixture
def read(tmp_path):
    def text(content):
        path = tmp_path / "file.yaml"
        path.write_text(content, encoding="utf-8")
        return read_yaml(path)

    return text


PLAIN = {
    "1e-4": 1e-4,
    "2E5": 2e5,
    "-1.5e+3": -1500.0,
    "3": 3,
    "-7": -7,
    "+7": 7,
    "0": 0,
    "0.5": 0.5,
    ".5": 0.5,
    "3.": 3.0,
    "1_000": 1000,
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "no": "no",
    "yes": "yes",
    "on": "on",
    "1:4": "1:4",
    "12:30": "12:30",
    "2024-01-01": "2024-01-01",
    "0.1.2": "0.1.2",
    "010": "010",
    "0x1f": "0x1f",
    "1e": "1e",
    "e5": "e5",
    ".": ".",
    "1.5.2": "1.5.2",
    "'3'": "3",
    '"true"': "true",
    "nan": "nan",
}


@pytest.mark.parametrize(("word", "meaning"), PLAIN.items())
def test_plain_words(read, word, meaning):
    found = read(f"key: {word}\n")["key"]
    assert found == meaning
    assert type(found) is type(meaning)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_way_that_numbers_are_written_reads_back(tmp_path_factory, number):
    path = tmp_path_factory.getbasetemp() / "numbers.yaml"
    path.write_text(f"a: {number!r}\nb: {json.dumps(number)}\n")
    assert read_yaml(path) == {"a": number, "b": number}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab:-{}[]#'\"\n é", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text("abc", min_size=1), json_values, max_size=4))
def test_what_yaml_writes_reads_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
    assert read_yaml(path) == value


def test_keys_are_the_text_that_stands_there(read):
    assert read("1: a\nno: b\n1.50: c\n2024-01-01: d\n") == {"1": "a", "no": "b", "1.50": "c", "2024-01-01": "d"}


def test_anchors_and_merge_keys(read):
    assert read("base: &b {p: 1, q: 2}\nown: {<<: *b, q: 3}\n")["own"] == {"p": 1, "q": 3}


def test_a_file_without_keys_is_empty(read):
    assert read("") == read("# nothing yet\n") == {}


# extends


def test_extending(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "seeds: [1, 2]\ntraining: {epochs: 3, lora: {rank: 8}}\nmethods: {b0: {}, kd1: {}}\n"
    )
    (tmp_path / "b.yaml").write_text("extends: a\nseeds: [7]\ntraining: {lora: null}\nmethods: {kd1: null, kd2: {}}\n")
    (tmp_path / "c.yaml").write_text("extends: b\ntraining: {epochs: 1}\n")
    value, files = read_extending(tmp_path / "c.yaml")
    assert value == {"seeds": [7], "training": {"epochs": 1}, "methods": {"b0": {}, "kd2": {}}}
    assert [file.stem for file in files] == ["c", "b", "a"]


def test_changes_of_one_name_keep_the_others_of_a_list():
    assert merge({"tasks": ["a", "b"]}, {"tasks": {"b": {"x": 1}}}) == {"tasks": {"a": {}, "b": {"x": 1}}}
    assert merge({"tasks": ["a", "b"]}, {"tasks": {"a": None}}) == {"tasks": {"b": {}}}
    assert merge({"tasks": {"a": {}}}, {"tasks": ["b"]}) == {"tasks": ["b"]}
    assert merge({"seeds": [1]}, {"seeds": {"a": 1}}) == {"seeds": {"a": 1}}


def test_null_stays_where_nothing_is_inherited():
    assert merge({"a": {}}, {"a": {"lora": None}, "b": None}) == {"a": {"lora": None}, "b": None}


@given(st.dictionaries(st.text("ab"), json_values), st.dictionaries(st.text("ab"), json_values))
def test_merging_changes_neither_side(base, over):
    before = json.dumps([base, over])
    merged = merge(base, over)
    assert json.dumps([base, over]) == before
    assert set(merged) <= set(base) | set(over)
    assert merge(base, {}) == base


# grids


def points(name, **options):
    return [point.model_dump(exclude_unset=True) for point in expand(methods.load(name).Options, options, "here")]


def test_a_grid_is_every_combination_in_the_order_of_the_file():
    assert points("kd1", temperature=[2, 1], alpha=[0.5, 1], divergence="reverse_kl") == [
        {"temperature": t, "alpha": a, "divergence": "reverse_kl"} for t in (2, 1) for a in (0.5, 1)
    ]
    assert points("b0") == [{}]
    assert len(points("kd3", layer_map=["last", "1:4,2:8"], pooling=["last", "mean"])) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": []}, "here.alpha: the list is empty"),
        ({"alpha": [0.5, 0.5]}, "here.alpha: a value is listed twice"),
        ({"alhpa": 0.5}, "here.alhpa: unknown option .did you mean 'alpha'"),
        ({"alpha": [0.5, 2]}, "here: alpha: found 2, must be at most 1"),
        ({"alpha": {"a": 1}}, "here: alpha: found .*, expected a number"),
        ({"divergence": ["jsd", "kl"]}, "here: divergence: found 'kl', expected one of"),
    ],
)
def test_a_bad_grid_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        expand(methods.load("kd1").Options, options, "here")
