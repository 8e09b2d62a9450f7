"""Named end products: when they are due, and which change makes which of them again."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from configuration_changes import REPOSITORY
from potstill.plan.plan import NOTHING

FOLDER = Path("results/demo")
FIGURE = "figures/fig_4_5_kd_gain"


def make(plan, *names):
    """What the jobs of these products leave: files and record."""
    for name in names or plan.products:
        product = plan.products[name]
        for file in product.files:
            path = Path(plan.folder, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("made")
        record = Path(product.record(plan.folder))
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"id": product.id, "files": {}}))


def due(plan):
    """The products that the rules would make."""
    return {name for name, product in plan.products.items() if not product.is_made(plan.folder)}


def changed(before, after):
    """The products with another id."""
    assert before.products.keys() == after.products.keys()
    return {name for name in before.products if before.products[name].id != after.products[name].id}


# Due, made, stale


def test_nothing_is_made_at_first(plan):
    demo = plan("demo")
    assert due(demo) == set(demo.products)
    assert not any(product.is_stale(demo.folder) for product in demo.products.values())
    assert demo.due("collected") == demo.due("report") == "demo"
    assert set(demo.due("tables").split("|")) == {n.partition("/")[2] for n in demo.products if n.startswith("tables/")}


def test_everything_made_is_due_no_more(plan):
    demo = plan("demo")
    make(demo)
    assert due(demo) == set()
    assert {demo.due(name) for name in ("collected", "comparison", "report", "tables", "figures")} == {NOTHING}
    assert not re.fullmatch(NOTHING, "") and not re.fullmatch(NOTHING, "demo")  # noqa: PT018


@pytest.mark.parametrize(
    "record", [None, "", "{", "[]", "7", '{"files": {}}', '{"id": "other"}', '{"id": null}', b"\xff\xfe"]
)
def test_without_a_good_record_a_product_is_stale(plan, record):
    demo = plan("demo")
    make(demo)
    path = Path(demo.products[FIGURE].record(demo.folder))
    if record is None:
        path.unlink()
    else:
        path.write_bytes(record if isinstance(record, bytes) else record.encode())
    assert due(demo) == {FIGURE}
    assert demo.products[FIGURE].is_stale(demo.folder)
    assert demo.due("figures") == "fig_4_5_kd_gain"
    assert demo.due("tables") == NOTHING
    assert demo.product_inputs(FIGURE)[-1] == "results/demo/.due/figures.fig_4_5_kd_gain"


def test_a_missing_file_makes_a_product_due(plan):
    demo = plan("demo")
    make(demo)
    pdf = FOLDER / f"{FIGURE}.pdf"
    pdf.unlink()
    assert due(demo) == {FIGURE}
    assert demo.products[FIGURE].is_stale(demo.folder)
    for suffix in ("png", "svg", "csv"):
        (FOLDER / f"{FIGURE}.{suffix}").unlink()
    assert due(demo) == {FIGURE}
    assert not demo.products[FIGURE].is_stale(demo.folder)
    assert not [file for file in demo.product_inputs(FIGURE) if ".due" in file]


def test_a_change_taken_back_finds_the_made_product(plan):
    make(plan("demo"))
    assert due(plan("demo", {"comparison.confidence": 0.9})) != set()
    assert due(plan("demo", {"comparison.confidence": 0.95})) == set()


# What a change makes again


def test_a_figures_settings_change_that_figure_and_the_report(plan):
    before = plan("demo")
    after = plan("demo", {"fig_4_5_kd_gain.title": "Gain"}, file="figures.yaml")
    assert changed(before, after) == {FIGURE, "report"}


def test_the_confidence_changes_what_shows_it(plan):
    before, after = plan("demo"), plan("demo", {"comparison.confidence": 0.9})
    judged = {"comparison", "error_analysis"}
    reads = {f"figures/{name}" for name, s in after.configuration.figures.items() if judged & set(s.inputs)}
    assert changed(before, after) == reads | {
        "comparison",
        "error_analysis",
        "tables/table_4_1_main_results",
        "tables/table_4_2_kd1_ablation",
        "tables/table_4_3_significance",
        "tables/table_4_4_retention",
        "tables/table_4_5_error_analysis",
        "report",
        "model_cards",
    }
    assert FIGURE in reads
    assert "figures/fig_loss_curves" not in reads
    assert before.graph.nodes.keys() == after.graph.nodes.keys()
    assert all(before.graph.nodes[kind].keys() == after.graph.nodes[kind].keys() for kind in before.graph.nodes)


def test_settings_of_the_error_analysis_change_it_alone(plan):
    before, after = plan("demo"), plan("demo", {"error_analysis.examples_shown": 5})
    reads = {f"figures/{name}" for name, s in after.configuration.figures.items() if "error_analysis" in s.inputs}
    assert changed(before, after) == reads | {
        "error_analysis",
        "tables/table_4_5_error_analysis",
        "model_cards",
        "report",
    }


def test_the_error_analysis_reads_the_data_where_a_slice_names_a_column(plan):
    own = plan("smoke", {"error_analysis.slices": ["label", "length"]}).products["error_analysis"]
    assert own.flat_nodes() == []
    assert own.spec["examples"] == {}
    column = plan("smoke", {"error_analysis.slices": ["label", "text"]})
    product = column.products["error_analysis"]
    assert [node.kind for node in product.flat_nodes()] == ["assets"]
    data = next(iter(column.graph.examples.values())).inputs["dataset"]
    assert product.nodes["data"] == {"smoke-reviews": data}
    assert data.marker("results") in column.product_inputs("error_analysis")
    assert f'"data":{{"smoke-reviews":"{data.directory("results")}"}}' in column.product_arguments("error_analysis")


def test_benchmark_settings_reach_what_shows_sizes_and_speeds(plan):
    before, after = plan("demo"), plan("demo", {"benchmark.repeats": 5})
    reads = {f"figures/{name}" for name, s in after.configuration.figures.items() if "collected_benchmarks" in s.inputs}
    tables = changed(before, after) - reads
    assert tables == {"collected_benchmarks", "tables/benchmarks", "report"}
    assert before.graph.nodes["runs"].keys() == after.graph.nodes["runs"].keys()


def test_another_seed_changes_all_that_aggregates(plan):
    found = changed(plan("demo"), plan("demo", {"seeds": [0, 1, 2, 3]}))
    assert {"collected", "comparison", "tables/runs", "report"} <= found
    assert not {"collected_benchmarks", "tables/benchmarks", "figures/fig_4_2_latency"} & found


def test_words_of_the_documents_change_them_alone(plan, project):
    before, titled = plan("demo"), plan("demo", {"title": "Another title"})
    assert changed(before, titled) == {"report", "model_cards"}
    (project / "docs").unlink()
    shutil.copytree(REPOSITORY / "docs", project / "docs")
    caption, index = project / "docs/captions/runs.rst", project / "docs/methods.md"
    caption.write_text("Another caption.")
    captioned = plan("demo")
    assert changed(titled, captioned) == {"report"}
    (project / "docs/captions/no_figure.rst").write_text("Of nothing that is shown.")
    assert changed(captioned, plan("demo")) == set()
    index.write_text(index.read_text() + "\nAnother line.\n")
    assert changed(captioned, plan("demo")) == {"report", "model_cards"}


def test_choosing_figures_leaves_the_others_alone(plan):
    all_of_them = plan("demo")
    some = plan("demo", {"figures": ["fig_4_5_kd_gain"], "tables": ["runs"]})
    for name, product in some.products.items():
        assert (product.id != all_of_them.products[name].id) == (name == "report")
    assert plan("demo", {"figures": []}).files("figure") == []


def test_the_record_says_what_the_id_covers(plan):
    demo = plan("demo")
    comparison = demo.products["comparison"]
    assert [product.name for product in comparison.products] == ["collected"]
    assert {node.id for node in demo.products["collected"].flat_nodes()} == {
        *(run.node.id for run in demo.graph.runs),
        *(node.id for node in demo.graph.predictions.values()),
        *(node.id for node in demo.graph.examples.values()),
    }
    assert len({product.record("r") for product in demo.products.values()}) == len(demo.products)
    assert len({product.id for product in demo.products.values()}) == len(demo.products)


def test_an_outdated_product_gets_an_input_that_is_newer(plan):
    """So that Snakemake makes it again, with or without its own records."""
    demo = plan("demo")
    make(demo)
    for suffix in ("png", "pdf", "csv"):
        os.utime(FOLDER / f"{FIGURE}.{suffix}", (4e9, 4e9))  # a clock that was wrong
    changed = plan("demo", {"fig_4_5_kd_gain.title": "Gain"}, file="figures.yaml")
    changed.mark_due()
    mark = Path(changed.product_inputs(FIGURE)[-1])
    assert mark.stat().st_mtime > 4e9
    assert mark.parent == FOLDER / ".due"
    make(changed, FIGURE)
    assert mark.as_posix() not in changed.product_inputs(FIGURE)
