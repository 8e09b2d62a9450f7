"""The experiments that are shipped, and what reaches what in their graphs."""

from pathlib import Path

import pytest
from configuration_changes import REPOSITORY, data_folder
from potstill.plan import needs
from potstill.plan.plan import make_plan

EXPERIMENTS = sorted(path.stem for path in (REPOSITORY / "config" / "experiments").glob("*.yaml"))
SHIPPED = {
    "demo",
    "demo_full",
    "demo_out_of_domain",
    "smoke",
    "smoke_generation",
    "thesis_fast",
    "thesis_full",
    "thesis_mini",
}
needs_data = pytest.mark.skipif(
    not (data_folder() / "sst2_glue").exists(), reason="the data of thesis_mini are not here (POTSTILL_DATA)"
)


def ancestors(node):
    """Every artefact that a node is made from, itself included."""
    return {node.id: node} | {name: found for below in node.flat_inputs() for name, found in ancestors(below).items()}


def ids(plan, kind):
    return set(plan.graph.nodes.get(kind, {}))


def runs_of(plan, method):
    return {run.node.id for run in plan.graph.runs if run.method == method}


def grid(plan, method, *options):
    """The points of a method's grid, as they are in the runs."""
    return {tuple(getattr(run.options, name) for name in options) for run in plan.graph.runs if run.method == method}


# Shipped experiments


def test_the_promised_experiments_are_shipped():
    assert set(EXPERIMENTS) >= SHIPPED


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs_data) if n == "thesis_mini" else n for n in EXPERIMENTS])
def test_every_experiment_plans(plan, name):
    made = plan(name)
    experiment = made.configuration.experiment
    assert {(run.task, run.student, run.method, run.seed) for run in made.graph.runs} == {
        (task, student, method, seed)
        for task in experiment.tasks
        for student in experiment.students
        for method in experiment.methods
        for seed in experiment.seeds
    }
    assert len(runs := [run.node.id for run in made.graph.runs]) == len(set(runs))
    everything = [node for kind in made.graph.nodes.values() for node in kind.values()]
    assert all(len(node.id) < 200 for node in everything)
    assert all(below.id in made.graph.nodes[below.kind] for node in everything for below in node.flat_inputs())
    assert f"results/{name}/report.html" in made.targets
    cards = {(run.task, run.student, run.method) for run in made.graph.runs}
    tables, figures = needs.tables(made.configuration), needs.figures(made.configuration)
    # Two files a table, four a figure, four of the report, and the model cards.
    assert len(made.targets) == 2 * len(tables) + 4 * len(figures) + 4 + len(cards)


def test_the_default_experiment_is_the_demo():
    from potstill.plan.read import read_yaml

    assert read_yaml(REPOSITORY / "config" / "config.yaml")["experiment"] == "demo"


def test_fast(plan):
    made = plan("thesis_fast")
    assert grid(made, "kd1", "temperature", "alpha") == {(t, a) for t in (2, 4) for a in (0.3, 0.5)}
    assert {run.seed for run in made.graph.runs} == {42}
    assert {run.node.spec["training"]["epochs"] for run in made.graph.runs} == {1}
    slices = {task: node.spec["splits"]["train"] for task, node in made.graph.examples.items()}
    assert slices == {"sst2": "train[:500]", "squad": "train[:200]"}


def test_full(plan):
    made = plan("thesis_full")
    assert grid(made, "kd1", "temperature", "alpha") == {(t, a) for t in (1, 2, 4, 8) for a in (0.1, 0.3, 0.5, 0.7)}
    assert {run.seed for run in made.graph.runs} == {42, 123, 456}
    assert {run.node.spec["training"]["epochs"] for run in made.graph.runs} == {3}
    assert all(run.node.spec["training"]["lora"] for run in made.graph.runs)
    assert {task: node.spec["splits"]["train"] for task, node in made.graph.examples.items()} == {
        "sst2": "train",
        "squad": "train",
    }
    assert {run.student for run in made.graph.runs} == {"tinyllama-1.1b", "smollm2-360m-8bit"}
    assert {run.method for run in made.graph.runs} == {"b0", "kd1", "kd2", "kd3"}
    assert made.configuration.experiment.teacher.model == ("qwen2.5-7b", "qwen2.5-3b")
    repositories = {node.spec["source"].get("hub") for node in made.graph.nodes["assets"].values()}
    assert repositories == {
        "Qwen/Qwen2.5-7B-Instruct",
        "TinyLlama/TinyLlama-1.1B-Chat-v1.0",
        "HuggingFaceTB/SmolLM2-360M-Instruct",
        "nyu-mll/glue",
        "rajpurkar/squad",
    }


def test_the_demo_needs_no_hub(plan):
    made = plan("demo")
    assert all("wheel" in node.spec["source"] for node in made.graph.nodes["assets"].values())
    assert {run.seed for run in made.graph.runs} == {0, 1, 2}


def test_equal_parts_of_two_experiments_are_shared(plan):
    demo, full = plan("demo"), plan("demo_full")
    for kind in demo.graph.nodes:
        assert ids(demo, kind) <= ids(full, kind), kind
    assert len(ids(full, "runs")) > len(ids(demo, "runs"))
    assert {product.id for product in demo.products.values()}.isdisjoint(p.id for p in full.products.values())


# What reaches what


def test_the_baseline_knows_no_teacher(plan):
    for name in ("demo", "demo_full", "thesis_fast"):
        made = plan(name)
        teacher_made = {"targets", "predictions"}
        teachers = {
            node.id for task in made.graph.examples for node in [made.graph.predictions[task].inputs["teacher"]]
        }
        for run in made.graph.runs:
            found = ancestors(run.node)
            if run.method == "b0":
                assert not teachers & set(found)
                assert not [node for node in found.values() if node.kind in teacher_made]
            else:
                assert teachers & set(found)


@needs_data
def test_a_student_cut_from_the_fitted_teacher_depends_on_it(plan):
    made = plan("thesis_mini")
    for run in made.graph.runs:
        assert [name for name in ancestors(run.node) if ".fit." in name]


def test_another_seed_reaches_runs_only(plan):
    before, after = plan("demo"), plan("demo", {"seeds": [0, 1, 2, 3]})
    for kind in ("assets", "examples", "targets", "predictions", "benchmarks"):
        assert ids(before, kind) == ids(after, kind)
    new = ids(after, "runs") - ids(before, "runs")
    assert ids(before, "runs") < ids(after, "runs")
    assert all(".s3-" in name for name in new)
    assert len(new) == 7


def test_a_temperature_reaches_its_runs_only(plan):
    before, after = plan("demo"), plan("demo", {"methods.kd1.temperature": [2, 8]})
    for kind in ("assets", "examples", "targets", "predictions"):
        assert ids(before, kind) == ids(after, kind)
    for method in ("b0", "kd2", "kd3"):
        assert runs_of(before, method) == runs_of(after, method)
    assert all(".T8_" in name for name in ids(after, "runs") - ids(before, "runs"))


def test_an_unusual_temperature_of_tokens_asks_the_teacher_again(plan):
    before, after = plan("smoke_generation"), plan("smoke_generation", {"methods.kd1.temperature": 2.5})
    assert {name.split(".")[2].split("-")[0] for name in ids(after, "targets") - ids(before, "targets")} == {
        "token_logits"
    }


def test_the_layer_map_reaches_kd3_only(plan):
    before, after = plan("demo"), plan("demo", {"methods.kd3.layer_map": "uniform"})
    changed = {kind for kind in before.graph.nodes if ids(before, kind) != ids(after, kind)}
    assert changed == {"runs"}
    assert {m for m in ("b0", "kd1", "kd2", "kd3") if runs_of(before, m) != runs_of(after, m)} == {"kd3"}


def test_the_teachers_revision_reaches_all_but_the_baseline(plan):
    before = plan("demo")
    after = plan("demo", {"smollm2-135m.source.version": "0.1.3"}, file="models.yaml")
    assert ids(before, "targets").isdisjoint(ids(after, "targets"))
    assert ids(before, "predictions").isdisjoint(ids(after, "predictions"))
    assert ids(before, "examples") == ids(after, "examples")
    assert {m for m in ("b0", "kd1", "kd2", "kd3") if runs_of(before, m) == runs_of(after, m)} == {"b0"}


def test_a_task_reaches_no_other_task(plan):
    before = plan("thesis_fast")
    after = plan("thesis_fast", {"sst2.prompt": "{text} It was"}, file="tasks.yaml")
    for kind in ("examples", "targets", "runs", "predictions", "benchmarks"):
        assert {n for n in ids(before, kind) if n.startswith("squad.")} == {
            n for n in ids(after, kind) if n.startswith("squad.")
        }
        assert not {n for n in ids(before, kind) & ids(after, kind) if n.startswith("sst2")}


def test_swapped_numbers_train_again(plan):
    before = plan("demo", {"training.epochs": 3, "training.batch_size": 5})
    after = plan("demo", {"training.epochs": 5, "training.batch_size": 3})
    assert runs_of(before, "kd1").isdisjoint(runs_of(after, "kd1"))


def test_the_spelling_of_a_number_does_not_count(plan):
    before = plan("demo", {"training.epochs": 2, "methods.kd1.alpha": [0.5, 1]})
    after = plan("demo", {"training.epochs": 2.0, "methods.kd1.alpha": [0.50, 1.0]})
    assert ids(before, "runs") == ids(after, "runs")


def test_training_settings_are_merged_from_general_to_particular(plan):
    changes = {
        "training.epochs": 1,
        "tasks": {"sentiment": {"training": {"epochs": 2, "batch_size": 4}}},
        "students": {"minilm-2l": {"training": {"batch_size": 8, "learning_rate": 1e-3}}},
        "methods.b0.training": {"learning_rate": 1e-2},
    }
    made = plan("demo", changes)
    found = {run.method: run.node.spec["training"] for run in made.graph.runs}
    keys = ("epochs", "batch_size", "learning_rate")
    assert [found["b0"][key] for key in keys] == [2, 8, 1e-2]
    assert [found["kd2"][key] for key in keys] == [2, 8, 1e-3]


def test_null_takes_an_inherited_setting_away(plan):
    assert plan("thesis_fast").graph.runs[0].node.spec["training"]["lora"]
    made = plan("thesis_fast", {"training.lora": None, "methods.kd2": {"training": {"lora": None}}})
    assert all(run.node.spec["training"]["lora"] is None for run in made.graph.runs)


def test_null_in_a_method_undoes_the_experiments_setting(plan):
    made = plan("thesis_fast", {"methods.kd2": {"training": {"lora": None}}})
    assert {run.method for run in made.graph.runs if run.node.spec["training"]["lora"] is None} == {"kd2"}


def test_local_sources_are_named_by_content_not_by_place(plan, project):
    before = plan("smoke")
    copy = project / "copy.jsonl"
    copy.write_bytes((REPOSITORY / "tests/assets/smoke/reviews.jsonl").read_bytes())
    (project / "elsewhere").mkdir()
    moved = copy.rename(project / "elsewhere" / "reviews.jsonl")
    after = plan("smoke", {"smoke-reviews.source.path": "./elsewhere/reviews.jsonl"}, file="datasets.yaml")
    assert ids(before, "runs") == ids(after, "runs")
    moved.write_text(moved.read_text() + '{"text": "One more.", "label": 1}\n')
    assert ids(plan("smoke"), "runs").isdisjoint(ids(before, "runs"))


def test_planning_twice_gives_equal_names(project):
    first, second = (make_plan(project, {"experiment": "smoke"}, probe=False) for _ in range(2))
    assert first.graph.nodes.keys() == second.graph.nodes.keys()
    assert {p.id for p in first.products.values()} == {p.id for p in second.products.values()}
    assert Path("results/.digests.json").exists()
