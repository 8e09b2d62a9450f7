"""Configurations that are well written and cannot work: a method for this student and task, further tasks to be scored on."""

import pytest
from configuration_changes import REMOVED
from refused_configurations import DEMO, FIGURES, FULL, GENERATION, SMOKE, assert_refused, cases

CANNOT_SERVE = {
    "tokens-of-two-tokenizers": (
        FULL,
        {"methods.kd1.alignment": REMOVED},
        ["methods.kd1: cannot teach tinyllama-1.1b the task squad", "different tokenizers", "alignment: uld", "kd2"],
    ),
    "labels-of-qa": (GENERATION, {"methods.kd1.level": "labels"}, ["methods.kd1", "smoke-facts", "use level: tokens"]),
    "encoder-on-qa": (
        GENERATION,
        {"students": ["tiny-encoder"]},
        ["tiny-encoder", "an encoder cannot write", "a decoder"],
    ),
    "tokens-of-an-encoder": (
        SMOKE,
        {"methods.kd1.level": "tokens"},
        ["methods.kd1", "is an encoder; use level: labels"],
    ),
    "states-of-two-tokenizers": (
        DEMO,
        {"methods.kd3.pooling": "tokens"},
        ["methods.kd3", "different", "pooling: last or mean"],
    ),
    "centred-answers": (GENERATION, {"teacher.calibration": "centre"}, ["teacher.calibration: only label logits"]),
    "idle-beta": (DEMO, {"methods.kd1.beta": 0.3}, ["methods.kd1", "beta is for divergence: jsd"]),
    "layer-map": (DEMO, {"methods.kd3.layer_map": "top"}, ["methods.kd3", "layer_map: found 'top'", "uniform"]),
}


def also_on(*tasks: str, answers: dict[int, str] | None = None) -> dict:
    """The smoke reviews' models scored on further tasks; `answers`: those of smoke-opinions, by their value in the data."""
    labels = [{"value": value, "name": text.strip(), "verbalizer": text} for value, text in (answers or {}).items()]
    catalogue = {"catalogue": {"tasks": {"smoke-opinions": {"labels": labels}}}} if answers else {}
    return {"tasks": {"smoke-reviews": {"also_evaluate_on": list(tasks)}}} | catalogue


FURTHER = "tasks.smoke-reviews.also_evaluate_on"
FURTHER_TASKS = {
    "unknown": (
        SMOKE,
        also_on("smoke-opinion"),
        [f"{FURTHER}: 'smoke-opinion' is not in config/tasks.yaml", "did you mean 'smoke-opinions'?"],
    ),
    "not-a-list": (
        SMOKE,
        {"tasks": {"smoke-reviews": {"also_evaluate_on": "smoke-opinions"}}},
        [f"{FURTHER}: found 'smoke-opinions'", "a list"],
    ),
    "itself": (
        SMOKE,
        also_on("smoke-reviews"),
        [f"{FURTHER}: smoke-reviews is the task itself", "remove it"],
    ),
    "twice": (
        SMOKE,
        also_on("smoke-opinions", "smoke-opinions"),
        [f"{FURTHER}: smoke-opinions is named twice; remove one"],
    ),
    "another-kind": (
        SMOKE,
        also_on("smoke-facts"),
        [f"{FURTHER}: smoke-facts is of kind extractive-qa, smoke-reviews of kind classification"],
    ),
    "other-answers": (
        SMOKE,
        also_on("sst2"),
        [
            f"{FURTHER}: sst2 has the answers [' negative', ' positive'], smoke-reviews has [' dull', ' moving']",
            "same order",
        ],
    ),
    "other-order": (
        SMOKE,
        also_on("smoke-opinions", answers={1: " moving", 0: " dull"}),
        [f"{FURTHER}: smoke-opinions has the answers [' moving', ' dull']", "in the same order, or remove it"],
    ),
    "more-answers": (
        SMOKE,
        also_on("smoke-opinions", answers={0: " dull", 1: " moving", 2: " so"}),
        [f"{FURTHER}: smoke-opinions has the answers [' dull', ' moving', ' so']"],
    ),
    "table": (
        SMOKE,
        {"tables": ["table_4_7_out_of_domain"]},
        [
            "tables: table_4_7_out_of_domain needs an experiment that scores its models on further tasks",
            "also_evaluate_on",
        ],
    ),
    "figure": (
        SMOKE,
        {"figures": ["fig_4_13_transfer"]},
        [
            "figures: fig_4_13_transfer needs an experiment that scores its models on further tasks",
            "leave the figure out",
        ],
    ),
    "unknown-need": (FIGURES, {"fig_4_13_transfer.needs": ["transfr"]}, ["needs.0: found 'transfr'", "transfer"]),
}

CASES = cases({"cannot-serve": CANNOT_SERVE, "further-task": FURTHER_TASKS})


@pytest.mark.parametrize(("file", "change", "expected"), CASES)
def test_it_is_refused_with_one_clear_message(project, file, change, expected):
    assert_refused(project, file, change, expected)
