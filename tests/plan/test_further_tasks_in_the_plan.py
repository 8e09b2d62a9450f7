"""`also_evaluate_on`: whose answers to which test set are asked for, and that nothing else comes of it."""

import json
from pathlib import Path

import pytest
import yaml
from potstill.plan.forecast import forecast
from test_experiments import ancestors, ids

FURTHER = {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions"]}}}
# A task of two that is also tested on the other one.
BOTH = {"tasks": {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions"]}, "smoke-opinions": {}}}


def of(made, role):
    return [transfer for transfer in made.graph.transfers if (transfer.run is None) == (role == "teacher")]


def test_the_teacher_and_every_run_are_asked_and_nothing_is_trained(plan):
    before, after = plan("smoke"), plan("smoke", FURTHER)
    for kind in before.graph.nodes:
        assert ids(before, kind) <= ids(after, kind)
        assert (ids(before, kind) == ids(after, kind)) == (kind not in ("examples", "predictions"))
    assert len(ids(after, "examples")) == 2
    assert len(ids(after, "predictions")) == 1 + 1 + len(after.graph.runs)
    assert [transfer.run for transfer in of(after, "student")] == after.graph.runs
    (teacher,) = of(after, "teacher")
    assert teacher.node.inputs["teacher"].id == after.graph.predictions["smoke-reviews"].inputs["teacher"].id
    assert before.products["comparison"].id == after.products["comparison"].id


def test_each_answers_the_other_tasks_test_split_as_a_plain_model(plan):
    made = plan(
        "smoke", {**FURTHER, "teacher.calibration": "centre", "methods.b0": {"training": {"precision": "bf16"}}}
    )
    examples = made.graph.further_examples["smoke-opinions"]
    for transfer in made.graph.transfers:
        spec = transfer.node.spec
        assert (transfer.task, transfer.test_task) == ("smoke-reviews", "smoke-opinions")
        assert transfer.node.inputs["examples"].id == examples.id
        assert spec["splits"] == ["test"]
        assert spec["task"]["max_input_tokens"] == 64
    for transfer in of(made, "student"):
        assert transfer.node.inputs["teacher"].id == transfer.run.node.id
        assert transfer.node.spec["calibration"] == "none"
        assert transfer.node.spec["precision"] == ("bf16" if transfer.run.method == "b0" else "fp32")
    (teacher,) = of(made, "teacher")
    own = made.graph.predictions["smoke-reviews"]
    assert teacher.node.spec["calibration"] == "centre", "calibrated as on its own task"
    assert [n.id for n in teacher.node.inputs["label_logits"]] == [n.id for n in own.inputs["label_logits"]]
    assert not any("smoke-opinions" in name for name in ids(made, "targets"))


def test_a_student_that_was_derived_is_asked_as_it_was_saved(plan):
    made = plan("demo", {"tasks": {"sentiment": {"also_evaluate_on": ["sentiment-imdb"]}}})
    for transfer in of(made, "student"):
        assert transfer.run.node.spec["model"]["derive"] is not None
        assert transfer.node.spec["model"] == {**transfer.run.node.spec["model"], "derive": None}


def test_a_students_answers_change_with_what_its_run_changes_with(plan):
    before, after = plan("smoke", FURTHER), plan("smoke", {"methods.kd3.layer_map": "last"})
    lost = ids(before, "predictions") - ids(after, "predictions")
    assert {name.split(".")[2] for name in lost} == {"kd3"}
    assert len(lost) == 2
    for transfer in after.graph.transfers:
        runs = set(ancestors(transfer.node)) & {run.node.id for run in after.graph.runs}
        assert runs == ({transfer.run.node.id} if transfer.run else set())


def test_names_say_who_is_asked_about_what(plan):
    made = plan("smoke", FURTHER)
    slugs = [transfer.node.slug for transfer in made.graph.transfers]
    assert slugs[0] == "smoke-reviews.tiny-decoder.on.smoke-opinions"
    assert "smoke-reviews.tiny-encoder.kd1.T1_a0.5.s0.on.smoke-opinions" in slugs
    assert len({transfer.node.id for transfer in made.graph.transfers}) == len(slugs)


def test_a_fitted_teacher_differs_between_tasks_and_one_as_it_comes_is_asked_once(plan):
    fitted = plan("smoke", BOTH)
    (asked,) = of(fitted, "teacher")
    assert asked.node.id not in {node.id for node in fitted.graph.predictions.values()}
    plain = plan("smoke", {"teacher.fit": None})
    (asked,) = of(plain, "teacher")
    assert asked.node.id == plain.graph.predictions["smoke-opinions"].id
    assert len(ids(plain, "predictions")) == 2 + len([run for run in plain.graph.runs if run.task == "smoke-reviews"])


def test_a_task_of_the_experiment_is_tested_on_with_its_own_changes(plan):
    changed = {"smoke-reviews": {"also_evaluate_on": ["smoke-opinions"]}}
    made = plan(
        "smoke", {"tasks": {**changed, "smoke-opinions": {"splits": {"test": "all[:30]"}, "max_input_tokens": 32}}}
    )
    assert made.graph.further_examples["smoke-opinions"].id == made.graph.examples["smoke-opinions"].id
    assert {transfer.node.spec["task"]["max_input_tokens"] for transfer in made.graph.transfers} == {32}


def test_question_answering_goes_to_question_answering(plan, project):
    facts = yaml.safe_load((project / "config/tasks.yaml").read_text(encoding="utf-8"))["smoke-facts"]
    own = {"catalogue": {"tasks": {"more-facts": facts | {"max_answer_tokens": 9}}}}
    made = plan("smoke_generation", {"tasks": {"smoke-facts": {"also_evaluate_on": ["more-facts"]}}, **own})
    assert {transfer.node.spec["task"]["max_answer_tokens"] for transfer in made.graph.transfers} == {9}


# End products


def test_tables_and_figures_appear_where_they_apply(plan):
    before, after = plan("smoke"), plan("smoke", FURTHER)
    assert after.products.keys() - before.products.keys() == {
        "transfer",
        "tables/table_4_7_out_of_domain",
        "figures/fig_4_13_transfer",
    }
    changed = {name for name in before.products if before.products[name].id != after.products[name].id}
    assert changed == {"report"}
    named = plan("smoke", {"tables": ["table_4_7_out_of_domain"], "figures": ["fig_4_13_transfer"]})
    assert [name for name in named.products if "/" in name] == [
        "tables/table_4_7_out_of_domain",
        "figures/fig_4_13_transfer",
    ]


def test_the_transfer_product_reads_the_answers_and_the_own_scores(plan):
    made = plan("smoke", FURTHER)
    product = made.products["transfer"]
    assert [other.name for other in product.products] == ["collected"]
    assert {node.id for node in product.flat_nodes()} == {
        *(transfer.node.id for transfer in made.graph.transfers),
        made.graph.further_examples["smoke-opinions"].id,
        made.graph.examples["smoke-reviews"].id,  # what the models were made with, which no test may ask again
    }
    entries = product.spec["runs"]
    assert len(entries) == len(product.nodes["predictions"]) == 9
    assert entries[0]["role"] == "teacher"
    assert {entry["kind"] for entry in entries} == {"classification"}
    assert plan("smoke", {"comparison.confidence": 0.9}).products["transfer"].id != product.id


def test_the_jobs_are_counted_by_make_plan(plan, project: Path):
    """A job for each model, of the tokens of the other task."""
    made = plan("smoke", FURTHER)
    stages = {stage.name: stage for stage in forecast(made, "cpu")}
    assert stages["score the teacher"].jobs == 1
    further = stages["score on further tasks"]
    assert (further.jobs, further.done) == (9, 0)
    # 40 test sentences that are taken to be as long as the task allows, and the place of the answer.
    assert further.tokens == 9 * 40 * (64 + 1)
    assert "score on further tasks" not in {stage.name for stage in forecast(plan("demo"), "cpu")}
    name = of(made, "student")[0].node.id
    assert made.memory_mb("predictions", name, 1) > 1000
    assert made.devices("predictions", name) == 1
    assert made.runtime("predictions", name, 1) >= 15


# Costs


@pytest.mark.parametrize("experiment", ["smoke", "demo", "smoke_generation", "thesis_full"])
def test_every_job_that_a_run_rests_on_is_charged_to_it(plan, experiment):
    made = plan(experiment)
    product = made.products["costs"]
    spec = json.loads(json.dumps(product.spec))
    shards, runs = product.nodes["targets"], product.nodes["runs"]
    assert [node.id for node in runs] == [run.node.id for run in made.graph.runs]
    assert len({node.id for node in shards}) == len(shards)
    for run, entry in zip(made.graph.runs, spec["runs"], strict=True):
        charged = [shards[k].id for position in entry["targets"] for k in spec["targets"][position]["shards"]]
        above = ancestors(run.node)
        assert sorted(charged) == sorted(name for name, node in above.items() if node.kind == "targets")
        fit = {node.id for node in made.graph.fits.values()} & set(above)
        assert entry["fit"] == bool(fit)
        assert entry["teacher"] == (bool(charged) or bool(fit))
    assert set(product.nodes["fits"]) == (set(made.graph.examples) if made.graph.fits else set())


def test_a_student_made_of_the_teachers_layers_rests_on_the_teacher(plan):
    halved = {"derived_from": "teacher", "derive": {"keep_layers": [0]}}
    made = plan("smoke", {"students": ["tiny-encoder", "half"], "catalogue": {"models": {"half": halved}}})
    baseline = [entry for entry in made.products["costs"].spec["runs"] if entry["method"] == "b0"]
    rests = {entry["student"]: (list(entry["targets"]), entry["teacher"], entry["fit"]) for entry in baseline}
    assert rests == {"tiny-encoder": ([], False, False), "half": ([], True, True)}
    unfitted = plan("smoke", {"teacher.fit": None}).products["costs"].spec["runs"]
    assert not any(entry["fit"] for entry in unfitted)
    assert any(entry["teacher"] for entry in unfitted if entry["student"] == "half" and entry["method"] == "b0")
