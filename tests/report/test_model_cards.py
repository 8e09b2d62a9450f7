"""Model cards: what they say, and that the Hub's own loader reads their metadata."""

import json

import pandas as pd
import pytest
import write_model_cards
from comparison_tables import better, evidence, student, write
from huggingface_hub import ModelCard
from made_report import INDEX
from potstill.artefacts import writing
from potstill.report.model_cards import asset
from potstill.stage import Stage

BASE = {"origin": {"hub": "org/base", "type": "model"}, "revision": "c" * 40, "licence": "Apache-2.0"}
TEACHER = {"origin": {"wheel": "big-model", "version": "1.0", "sha256": "d" * 64, "path": "big.gguf"}, "licence": None}
DATA = {"origin": {"hub": "org/reviews", "type": "dataset"}, "revision": "e" * 40}
CARD = {
    "task": "reviews", "kind": "classification", "student": "small", "method": "kd1", "file": "kd1", "base": "base-1",
    "teacher_name": "big", "teacher": "big-2", "dataset": "film-reviews", "data": "data-3", "encoder": True,
    "derived": "base-6l: keep layers [0, 5]",
}  # fmt: skip


@pytest.fixture
def make(tmp_path):
    """`make(evidence, card changes)`: the one card that the stage writes."""

    def made(found, **changes) -> ModelCard:
        experiment = tmp_path / "results" / "planted"
        folders = {name: str(folder) for name, folder in write(found, experiment).items()}
        assets = {}
        for name, manifest in (("base-1", BASE), ("big-2", TEACHER), ("data-3", DATA)):
            assets[name] = str(tmp_path / "results/assets" / name)
            with writing(tmp_path / "results/assets" / name, spec={}, **manifest) as folder:
                (folder / "config.json").write_text("{}")
        examples = tmp_path / "results/examples/reviews"
        with writing(examples, spec={}) as folder:
            splits = {"train": {"examples": 200}, "test": {"examples": 1000}}
            (folder / "report.json").write_text(json.dumps({"splits": splits}))
        (experiment / ".made").mkdir()
        inputs = {
            **folders,
            "assets": assets,
            "examples": {"reviews": str(examples)},
            "record": str(experiment / ".made/model_cards.json"),
            "product_id": "1.2",
        }
        cards = [CARD | changes]
        spec = {
            "title": "Who keeps up",
            "baseline": "b0",
            "cards": cards,
            "index": INDEX,
            "licences": {"big-2": "qwen"},
        }
        write_model_cards.main(Stage(spec, inputs, experiment / "model_cards", 1))
        (path,) = (experiment / "model_cards").iterdir()
        assert path.name == f"reviews.small.{cards[0]['method']}.md"
        return ModelCard.load(path)

    return made


def planted(**more):
    students = [student("small", "b0", 0.9), better(student("small", "kd1", 0.985, keeps=True))]
    return evidence({"reviews": students}, **more)


def test_the_hubs_loader_reads_the_results_with_their_interval(make):
    card = make(planted())
    (result,) = card.data.eval_results
    assert (result.task_type, result.dataset_type, result.dataset_split) == (
        "text-classification",
        "org/reviews",
        "test",
    )
    assert (result.metric_type, result.metric_value) == ("accuracy", pytest.approx(0.788))
    assert result.metric_args == {"ci_low": 0.778, "ci_high": 0.798, "confidence": 0.95, "seeds": 3, "examples": 1000}
    assert card.data.base_model == "org/base"
    assert card.data.datasets == ["org/reviews"]
    assert card.data.license == "apache-2.0"
    assert "knowledge-distillation" in card.data.tags
    again = ModelCard(card.content)
    assert again.data.to_dict() == card.data.to_dict()


def test_it_says_how_it_was_made_how_good_it_is_and_what_may_be_done_with_it(make):
    text = make(planted()).text
    assert "(1-α) CE + α T² D(t_T)" in text
    assert "Hinton et al. 2015" in text
    assert "`temperature: 2.0`, `alpha: 0.5`" in text
    assert "| accuracy | 78.8 % | [77.8, 79.8] | 3 | 1000 |" in text
    assert "98.5 % [97.5, 99.5] of its teacher's accuracy (80.0 %). That it keeps at least 97 % is shown." in text
    assert "Difference from b0: +5.0 points [+3.0, +7.0], better (corrected p 0.001)" in text
    assert "base-6l: keep layers [0, 5]; hub org/base, revision " in text
    assert "wheel big-model, version 1.0, path big.gguf" in text
    assert "| teacher (big) | qwen |" in text
    assert "| data (film-reviews) | unknown |" in text
    assert "| train | 200 |" in text
    assert text.count("/student`") == 3
    assert "AutoModelForSequenceClassification" in text


def test_limits_are_those_of_the_student(make):
    warnings = [
        {"task": "reviews", "student": "small", "method": method, "kind": "options", "text": f"{method} says no."}
        for method in ("kd1", "b0")
    ]
    text = make(planted(seeds=1, clusters=5, warnings=pd.DataFrame(warnings))).text
    limits = text[text.index("## Limits") : text.index("## Licences")]
    assert "kd1 says no." in limits
    assert "b0 says no." not in limits
    assert "one seed" in limits
    assert "5 independent groups" in limits


def test_an_own_method_and_a_decoder(make):
    card = make(planted(), file="own", encoder=False, kind="generation", method="kd1")
    assert "potstill/methods/own.py" in card.text
    assert card.data.pipeline_tag == "text-generation"
    assert card.data.eval_results[0].task_type == "text-generation"


def test_the_catalogues_word_on_a_licence_goes_first():
    assert asset(BASE, "mit").licence == "mit"
    assert asset(BASE, None).licence == "Apache-2.0"
    assert asset({}, None) == asset({"origin": None}, None)
    assert asset({}, None).origin == "unknown"
