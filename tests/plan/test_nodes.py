"""Names of artefacts: what they cover, what they leave out, and that finished ones are facts."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from potstill.artefacts import MANIFEST
from potstill.plan.nodes import CODE_DIGITS, SPEC_DIGITS, Keeper, Node, digest, pending, slug

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
specs = st.dictionaries(words, values, min_size=1, max_size=5)


def node(spec, kind="runs", name="run", code="c" * 64, inputs=None, **more):
    return Node(kind, name, spec, code, inputs or {}, **more)


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


# Spec digests


@given(specs)
def test_the_order_of_keys_does_not_count(spec):
    assert node(spec).id == node(reversed_keys(spec)).id


@given(specs, st.data())
def test_every_value_counts(spec, data):
    key = data.draw(st.sampled_from(sorted(spec)))
    other = data.draw(values.filter(lambda value: repr(value) != repr(spec[key])))
    changed = node(spec | {key: other})
    assert changed.spec_digest != node(spec).spec_digest
    assert changed.stem != node(spec).stem


@given(specs, words)
def test_every_key_counts(spec, key):
    if key not in spec:
        assert node(spec | {key: None}).stem != node(spec).stem


def test_swapped_numbers_are_another_artefact():
    assert node({"epochs": 3, "batch_size": 5}).stem != node({"epochs": 5, "batch_size": 3}).stem
    assert node({"layers": [1, 2]}).stem != node({"layers": [2, 1]}).stem


def test_kind_counts_and_the_slug_does_not_reach_the_digest():
    assert node({"a": 1}, kind="runs").spec_digest != node({"a": 1}, kind="targets").spec_digest
    assert node({"a": 1}, name="x").spec_digest == node({"a": 1}, name="y").spec_digest


def test_where_a_source_lies_does_not_count():
    here, there = (node({"sha256": "0"}, local={"path": path}) for path in ("/here", "/there"))
    assert here.id == there.id
    assert here.input_paths("results") == {"path": "/here"}


def test_numbers_without_json_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        digest({"alpha": float("nan")})


# Two parts of a name


def test_code_and_spec_have_a_part_each():
    first, other_code, other_spec = node({"a": 1}), node({"a": 1}, code="d" * 64), node({"a": 2})
    assert re.fullmatch(rf"run-[0-9a-f]{{{SPEC_DIGITS}}}\.[0-9a-f]{{{CODE_DIGITS}}}", first.id)
    assert first.stem == other_code.stem
    assert first.id != other_code.id
    assert first.code_digest == other_spec.code_digest
    assert first.stem != other_spec.stem


def test_inputs_count_however_far_away():
    def chain(source, code="c" * 64):
        asset = node({"revision": source}, "assets", "model", code)
        targets = node({"shard": 0}, "targets", "targets", inputs={"teacher": asset})
        return node({"seed": 1}, inputs={"targets": (targets,)})

    first, other_spec, other_code = chain("a"), chain("b"), chain("a", "d" * 64)
    assert first.stem != other_spec.stem
    assert first.code_digest == other_spec.code_digest
    assert first.stem == other_code.stem
    assert first.code_digest != other_code.code_digest


def test_the_role_and_the_order_of_inputs_count():
    a, b = node({"x": 1}), node({"x": 2})
    assert node({}, inputs={"teacher": a}).stem != node({}, inputs={"model": a}).stem
    assert node({}, inputs={"shards": (a, b)}).stem != node({}, inputs={"shards": (b, a)}).stem
    assert node({}, inputs={"m": a, "n": b}).id == node({}, inputs={"n": b, "m": a}).id
    assert node({}, inputs={"m": a, "n": b}).stem != node({}, inputs={"m": b, "n": a}).stem


def test_paths_of_inputs():
    a, b = node({"x": 1}, "assets", "model"), node({"x": 2}, "targets", "shard")
    made = node({}, inputs={"teacher": a, "shards": (b,)})
    assert made.input_paths("r") == {"teacher": f"r/assets/{a.id}", "shards": [f"r/targets/{b.id}"]}
    assert made.flat_inputs() == [b, a]
    assert made.marker("r") == f"r/runs/{made.id}/{MANIFEST}"


# File names


@given(st.lists(st.text(max_size=300), min_size=1, max_size=6))
def test_names_are_safe_and_short(parts):
    name = node({"a": 1}, name=slug(*parts)).id
    assert re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*", name)
    assert len(name) < 200


def test_readable_parts_stay_readable():
    assert slug("sst2", "smollm2-10l", "kd1", "T2_a0.5", "s42") == "sst2.smollm2-10l.kd1.T2_a0.5.s42"
    assert slug("sst2", "", "b0") == "sst2.b0"
    assert slug("Qwen/Qwen2.5: 7B", "../..", "任务") == "Qwen-Qwen2.5-7B"
    assert slug("任务") == "unnamed"


# What is still to be made


@given(st.sets(st.text("abc.+-_0", min_size=1, max_size=6), max_size=6), st.data())
def test_pending_matches_exactly_what_is_missing(tmp_path_factory, ids, data):
    folder = tmp_path_factory.mktemp("runs")
    ids = {f"r{name}" for name in ids}
    finished = data.draw(st.sets(st.sampled_from(sorted(ids)))) if ids else set()
    for name in finished:
        (folder / name).mkdir()
        (folder / name / MANIFEST).write_text("{}")
    expression = re.compile(pending(ids, f"{folder}/{{}}/{MANIFEST}"))
    candidates = ids | {name + "x" for name in ids} | {name.replace(".", "x") for name in ids} | {"", "other"}
    matched = {name for name in candidates if expression.fullmatch(name)}
    assert matched == ids - finished


# Artefacts that other code made (code=keep)


def finish(results, made, *, code_part=None, time=None):
    """A finished artefact of a node, as made by some code."""
    name = f"{made.stem}.{code_part}" if code_part else made.id
    folder = results / made.kind / name
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")
    if time:
        os.utime(folder / MANIFEST, (time, time))
    return name


def test_the_newest_finished_artefact_is_kept(tmp_path):
    run = node({"a": 1})
    finish(tmp_path, run, code_part="aaaaaa", time=100)
    newest = finish(tmp_path, run, code_part="bbbbbb", time=300)
    finish(tmp_path, run, code_part="cccccc", time=200)
    assert Keeper(str(tmp_path)).find(run) == newest


def test_unfinished_and_foreign_ones_are_not_kept(tmp_path):
    run = node({"a": 1})
    (tmp_path / "runs" / f"{run.stem}.aaaaaa").mkdir(parents=True)
    temporary = tmp_path / "runs" / f".{run.stem}.aaaaaa.x7.tmp"
    temporary.mkdir()
    (temporary / MANIFEST).write_text("{}")
    finish(tmp_path, node({"a": 2}))
    finish(tmp_path, node({"a": 1}, kind="targets"))
    assert Keeper(str(tmp_path)).find(run) is None
    assert Keeper(str(tmp_path / "nowhere")).find(run) is None


def test_what_is_made_from_a_kept_one_says_so_in_its_code_part():
    asset = node({"a": 1}, "assets", "model")
    kept = node({"a": 1}, "assets", "model", kept=f"{asset.stem}.abcdef")
    assert kept.id == f"{asset.stem}.abcdef"
    assert kept.is_of_other_code
    below, as_usual = (node({"s": 1}, inputs={"model": source}) for source in (kept, asset))
    assert below.stem == as_usual.stem
    assert below.id != as_usual.id
    assert not below.is_of_other_code


def test_keeping_what_the_present_code_made_changes_no_name():
    """Otherwise a run trained with code=keep would be trained again without it."""
    asset = node({"a": 1}, "assets", "model")
    kept = node({"a": 1}, "assets", "model", kept=asset.id)
    assert not kept.is_of_other_code
    assert node({"s": 1}, inputs={"model": kept}).id == node({"s": 1}, inputs={"model": asset}).id
