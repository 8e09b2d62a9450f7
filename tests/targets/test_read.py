"""Every way in which stored targets can be wrong is found, with the file's name and the way to mend it."""

import json
import shutil

import pytest
import torch
from potstill.artefacts import sealed, unsealed
from potstill.errors import ArtefactError
from potstill.models.encode import collate, encode_examples
from potstill.models.load import load_tokenizer, tokenizer_fingerprint
from potstill.plan.specs.targets import HiddenStates, LabelLogits, TokenLogits
from potstill.targets.layout import HIDDEN, INDEX, LABEL_LOGITS, TOKENS
from potstill.targets.read import read_generations, read_hidden_states, read_label_logits, read_token_logits
from stored_targets import specs, store_examples, write_shard
from tiny_models import CLASSIFY, DECODER, GENERATE, examples, llama_directory

READERS = {
    "label_logits": lambda paths: read_label_logits(paths, centre=False),
    "token_logits": lambda paths: read_token_logits(paths, 1.0),
    "hidden_states": lambda paths: read_hidden_states(paths),
}
TARGETS = {
    "label_logits": (LabelLogits(), CLASSIFY),
    "token_logits": (TokenLogits(top_k=4), GENERATE),
    "hidden_states": (HiddenStates(layers=(1,)), GENERATE),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Two shards of three kinds, never changed."""
    root = tmp_path_factory.mktemp("library")
    store_examples(root / "data")
    teacher = llama_directory(root / "teacher")
    for kind, (target, task) in TARGETS.items():
        for spec in specs(target, task, shards=2):
            write_shard(root / f"{kind}-{spec.shard}", root / "data", teacher, spec)
    return root


@pytest.fixture
def shards(library, tmp_path):
    """Copies of both shards of a kind."""

    def copy(kind):
        paths = [tmp_path / f"{kind}-{number}" for number in (0, 1)]
        for path in paths:
            shutil.copytree(library / path.name, path, dirs_exist_ok=True)
        return paths

    return copy


def edit_manifest(path, **changes):
    manifest = unsealed((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(sealed({**manifest, **changes}))


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("label_logits", LABEL_LOGITS),
        ("token_logits", INDEX),
        ("token_logits", TOKENS),
        ("hidden_states", INDEX),
        ("hidden_states", HIDDEN),
    ],
)
@pytest.mark.parametrize("damage", ["flipped bit", "truncated", "missing"])
def test_a_damaged_file_is_named_with_the_command_that_rebuilds_it(shards, kind, file, damage):
    paths = shards(kind)
    path = paths[1] / file
    content = bytearray(path.read_bytes())
    if damage == "flipped bit":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    else:
        path.unlink()
    with pytest.raises(ArtefactError) as caught:
        READERS[kind](paths)
    message = str(caught.value)
    assert str(path) in message
    assert f"snakemake --cores all {paths[1]}/manifest.json" in message


@pytest.mark.parametrize("kind", TARGETS)
def test_intact_shards_are_read(shards, kind):
    assert len(READERS[kind](shards(kind)).shards.rows) == 8


def test_a_missing_shard_is_noticed_whether_forgotten_or_never_finished(shards):
    paths = shards("label_logits")
    with pytest.raises(ArtefactError, match=r"shards \[1\] of 2"):
        read_label_logits(paths[:1], centre=False)
    copy = shutil.copytree(paths[0], paths[0].with_name("again"))
    with pytest.raises(ArtefactError, match="this is the manifest of label_logits-0"):
        read_label_logits([paths[0], copy], centre=False)
    with pytest.raises(ArtefactError, match="no shards"):
        read_label_logits([], centre=False)
    (paths[1] / "manifest.json").unlink()
    with pytest.raises(ArtefactError, match=f"{paths[1]}: no manifest"):
        read_label_logits(paths, centre=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "another"}, "of teacher another"),
        ({"tokenizer": "another"}, "of tokenizer another"),
        ({"kind": "hidden_states"}, "holds hidden_states"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused(shards, changes, message):
    paths = shards("label_logits")
    edit_manifest(paths[1], **changes)
    with pytest.raises(ArtefactError, match=message) as caught:
        read_label_logits(paths, centre=False)
    assert str(paths[1]) in str(caught.value)


def test_shards_of_another_spec_are_refused(shards):
    paths = shards("label_logits")
    spec = json.loads((paths[1] / "manifest.json").read_text())["spec"]
    spec["task"]["max_input_tokens"] += 1
    edit_manifest(paths[1], spec=spec)
    with pytest.raises(ArtefactError, match="another spec"):
        read_label_logits(paths, centre=False)


def test_the_wrong_kind_of_targets_is_refused(shards):
    with pytest.raises(ArtefactError, match="generations were expected"):
        read_generations(shards("label_logits"))


@pytest.mark.parametrize("kind", TARGETS)
def test_an_example_that_was_never_captured_is_named(shards, library, kind):
    paths = shards(kind)
    tokenizer = load_tokenizer(library / "teacher", DECODER)
    batch = collate(encode_examples(examples(12), tokenizer, TARGETS[kind][1], DECODER), tokenizer.pad_token_id)
    with pytest.raises(ArtefactError, match="no row for example") as caught:
        READERS[kind](paths).for_batch(batch)
    assert str(paths[0]) in str(caught.value)


def gold_batch(library, answers=None, n=5):
    tokenizer = load_tokenizer(library / "teacher", DECODER)
    items = encode_examples(examples(n), tokenizer, GENERATE, DECODER, answers)
    return collate(items, tokenizer.pad_token_id)


def test_other_answer_tokens_than_the_teachers_are_refused(shards, library):
    first = examples(1)["example_id"][0]
    reader = read_token_logits(shards("token_logits"), 1.0)
    reader.for_batch(gold_batch(library))
    with pytest.raises(ArtefactError, match=f"example {first} was captured for answer tokens"):
        reader.for_batch(gold_batch(library, {first: "a great film"}))


def test_the_order_of_a_batch_does_not_matter(shards, library):
    reader = read_token_logits(shards("token_logits"), 2.0)
    tokenizer = load_tokenizer(library / "teacher", DECODER)
    items = encode_examples(examples(5), tokenizer, GENERATE, DECODER)
    forward = reader.for_batch(collate(items, tokenizer.pad_token_id))
    one_by_one = [reader.for_batch(collate([item], tokenizer.pad_token_id)) for item in items]
    for name, values in forward.items():
        assert torch.equal(values, torch.cat([part[name] for part in one_by_one]))


def test_matching_by_index_goes_up_to_the_shorter_answer(shards, library):
    table = examples(5)
    exact = read_token_logits(shards("token_logits"), 1.0).for_batch(gold_batch(library))
    reader = read_token_logits(shards("token_logits"), 1.0, tokenizer="another", by_index=True)
    longer = gold_batch(library, dict.fromkeys(table["example_id"], "a great film with a warm heart"))
    gold = gold_batch(library)
    found = reader.for_batch(longer)
    assert len(found["ids"]) == len(longer.answer_ids) > len(gold.answer_ids)
    kept = 0
    for row in range(5):
        mine, theirs = longer.positions[:, 0] == row, gold.positions[:, 0] == row
        shared = min(int(mine.sum()), int(theirs.sum()))
        assert found["valid"][mine].tolist() == [True] * shared + [False] * (int(mine.sum()) - shared)
        assert torch.equal(found["ids"][mine][:shared], exact["ids"][theirs][:shared])
        kept += shared
    assert kept == len(gold.answer_ids)


def test_an_example_without_answer_needs_no_positions(shards, library):
    tokenizer = load_tokenizer(library / "teacher", DECODER)
    unlabelled = examples(5).assign(answers=[[] for _ in range(5)])
    batch = collate(encode_examples(unlabelled, tokenizer, GENERATE, DECODER), tokenizer.pad_token_id)
    found = read_token_logits(shards("token_logits"), 1.0).for_batch(batch)
    assert found["ids"].shape == (0, 4)


def test_another_tokenizer_is_refused_where_positions_are_matched(shards, library):
    paths = shards("token_logits")
    own = tokenizer_fingerprint(load_tokenizer(library / "teacher", DECODER))
    read_token_logits(paths, 1.0, tokenizer=own)
    with pytest.raises(ArtefactError, match="made with tokenizer"):
        read_token_logits(paths, 1.0, tokenizer="another")
    # Pooled states are one per example: any tokenizer will do.
    read_hidden_states(shards("hidden_states"), tokenizer="another")


def test_what_was_not_stored_is_refused_with_what_was(shards):
    with pytest.raises(ArtefactError, match=r"temperature 2\.5, only for 1, 1\.5, 2"):
        read_token_logits(shards("token_logits"), 2.5)
    with pytest.raises(ArtefactError, match=r"no layers \[2\], only \[1\]"):
        read_hidden_states(shards("hidden_states"), [1, 2])


def test_states_at_each_position_need_the_same_number_of_positions(library, tmp_path):
    (spec,) = specs(HiddenStates(layers=(1,), pooling="tokens"), GENERATE)
    _, tokenizer = write_shard(tmp_path / "t", library / "data", library / "teacher", spec)
    reader = read_hidden_states([tmp_path / "t"], tokenizer=tokenizer_fingerprint(tokenizer))
    reader.for_batch(gold_batch(library))
    first = examples(1)["example_id"][0]
    with pytest.raises(ArtefactError, match=f"example {first} has .* stored positions"):
        reader.for_batch(gold_batch(library, {first: "a great film with a warm heart"}))
    with pytest.raises(ArtefactError, match="made with tokenizer"):
        read_hidden_states([tmp_path / "t"], tokenizer="another")
