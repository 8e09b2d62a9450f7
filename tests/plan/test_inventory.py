"""What is verified: everything that lies there, each with the way to make it again, and nothing that is still being made."""

from pathlib import Path

import pytest
from potstill import artefacts, products
from potstill.plan.inventory import of_plan, of_results
from potstill.plan.plan import make_plan
from potstill.verification import verify_everything

MAIN = {"experiment": "smoke", "results": "results"}


def make(folder: str) -> Path:
    with artefacts.writing(folder, spec={}) as inside:
        (inside / "x").write_text("x" * 10)
    return Path(folder)


@pytest.fixture
def stored(project):
    """A run of the smoke experiment, one that nothing asks for, checkpoints, and a product of a lost experiment."""
    plan = make_plan(project, MAIN, probe=False)
    run = next(iter(plan.graph.nodes["runs"].values())).directory("results")
    record = {"record": "results/gone/.made/collected.json", "product_id": "x"}
    with products.publish_directory(Path("results/gone/collected"), record) as folder:
        (folder / "y").write_text("y" * 10)
    return {
        "run": make(run),
        "checkpoint": make(f"results/runs/.{Path(run).name}.checkpoints/step-00000001"),
        "unused": make("results/runs/old-0123456789.abcdef"),
        "product": Path("results/gone/collected"),
    }


def messages(items):
    return verify_everything(items, 2, lambda message: None).messages


def test_all_that_lies_there_is_read_once(project, stored):
    items = of_results(project, MAIN)
    outcome = verify_everything(items, 2)
    assert (outcome.artefacts, outcome.products, outcome.files, outcome.bytes) == (3, 1, 4, 40)
    assert outcome.summary() == "3 artefacts, 1 end product: 4 files, 0.0 MB"
    assert outcome.messages == []


def test_what_is_being_made_is_let_alone(project, stored):
    Path("results/runs/empty-0123456789.abcdef").mkdir()  # as Snakemake makes it before a job
    Path("results/runs/.x.abc.tmp").mkdir()
    Path("results/runs/.x.abc.tmp/half").write_text("half")
    Path("results/runs/.x.checkpoints/.step-00000002.abc.tmp").mkdir(parents=True)
    assert len(of_results(project, MAIN)) == 4


def test_a_folder_that_lost_its_manifest_is_found(project, stored):
    (stored["run"] / "manifest.json").unlink()
    for items in (of_results(project, MAIN), of_plan(make_plan(project, MAIN, probe=False))[0]):
        (message,) = messages(items)
        assert message.startswith(f"{stored['run']}: no manifest.json, so it was never finished. Rebuild it: rm -r ")


def test_each_damage_has_the_cure_of_its_own(project, stored):
    for folder in stored.values():
        file = next(path for path in folder.iterdir() if path.name in "xy")
        file.write_text("z" * 10)
    run, checkpoint, unused, product = stored.values()
    found = {
        message.partition(": ")[0]: message.partition("Rebuild it: ")[2]
        for message in messages(of_results(project, MAIN))
    }
    snakemake = f"snakemake --cores all {run}/manifest.json --config experiment=smoke"
    assert found == {
        f"{run}/x": f"rm -r {run} && {snakemake}",
        f"{checkpoint}/x": f"rm -r {checkpoint} && {snakemake}",
        f"{unused}/x": f"rm -r {unused} # no experiment of config/ asks for it",
        f"{product}/y": "rm results/gone/.made/collected.json && snakemake --cores all results/gone/collected/y --config "
        "experiment=gone",
    }


def test_the_call_of_a_cure_has_what_differs_from_the_configuration_file(project):
    assert make_plan(project, MAIN, probe=False).call() == "experiment=smoke"
    plan = make_plan(project, {**MAIN, "results": "my results", "code": "keep"}, probe=False)
    assert plan.call() == "experiment=smoke 'results=my results' code=keep"


def test_of_a_plan_what_is_not_made_yet_is_counted(project, stored):
    plan = make_plan(project, MAIN, probe=False)
    items, missing = of_plan(plan)
    planned = sum(map(len, plan.graph.nodes.values())) + len(plan.products)
    assert (len(items), missing) == (2, planned - 1)  # the run and its checkpoint
