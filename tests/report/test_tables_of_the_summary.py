"""The tables: right numbers, valid LaTeX, captions that say what the design can and cannot show."""

import importlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from potstill.plan.specs.table import TABLES
from potstill.report import table as rendering
from potstill.report.table import Table, escape_latex, latex, write
from potstill.tables import read_frame, write_table

ROOT = Path(__file__).parents[2]


def build(name, folders, digits=1):
    return importlib.import_module(f"potstill.report.tables.{name}").build(folders, digits)


def changed(products, tmp_path, **tables):
    """The products with some tables replaced: `runs=frame` ..."""
    folders = dict(products)
    for product in ("collected", "comparison"):
        folders[product] = tmp_path / product
        folders[product].mkdir()
        for path in products[product].iterdir():
            write_table(tables.get(path.stem, read_frame(path)), folders[product] / path.name)
    return folders


def cells(line):
    return re.split(r"(?<!\\)&", line.removesuffix(r"\\"))


def test_every_table_has_a_module_and_a_caption_for_the_report():
    folder = ROOT / "workflow_scripts" / "potstill" / "report" / "tables"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(TABLES)
    for name in TABLES:
        assert "How to read it" in (ROOT / "docs" / "captions" / f"{name}.rst").read_text()


@pytest.mark.parametrize("name", TABLES)
def test_files_are_well_formed(products, tmp_path, name):
    table = build(name, {role: products[role] for role in TABLES[name]})
    write(table, tmp_path, name)
    assert pd.read_csv(tmp_path / f"{name}.csv").shape == table.data.shape
    text = (tmp_path / f"{name}.tex").read_text()
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{rule}") == 1
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    body = text[text.index("\\toprule") : text.index("\\bottomrule")]
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)[1]
    lines = [line.strip() for line in body.splitlines() if line.strip().endswith(r"\\")]
    assert len(lines) == len(table.shown) + 1
    for line in lines:
        assert len(cells(line)) == len(columns) == table.shown.shape[1]
        assert not re.search(r"(?<!\\)[%#$_]", line), line
    assert not re.search(r"(?<!\\)[%#$_]", re.search(r"\\caption\{(.*)\}", text)[1])
    assert "textbf" not in text  # no bold-the-best
    assert "nan" not in body.lower()


def test_latex_escapes_whatever_a_name_contains():
    nasty = r"a_b & 50% {x} #1 $y$ ~z ^w \v <u>"
    escaped = r"a\_b \& 50\% \{x\} \#1 \$y\$ \textasciitilde{}z \textasciicircum{}w \textbackslash{}v "
    escaped += r"\textless{}u\textgreater{}"
    text = latex(pd.DataFrame({"T_1 %": [nasty, "3"], "n": ["12 [1, 2]", "--"]}), nasty, "tab:x")
    assert escape_latex(nasty) == escaped
    assert text.count(escaped) == 2
    assert r"T\_1 \% & n" in text
    assert r"\begin{tabular}{lr}" in text


def test_main_results_hold_the_means_of_the_runs_by_every_metric(products):
    table = build("table_4_1_main_results", products)
    scores = read_frame(products["collected"] / "scores.parquet")
    keys = ["task", "metric", "student", "method"]
    expected = scores[scores.selected].groupby([*keys, "seed"]).score.mean().groupby(keys).mean()
    rows = table.data[table.data.model != "constant answer"].set_index(["task", "metric", "model", "method"])
    assert rows["mean"].to_dict() == pytest.approx(expected.to_dict())
    assert (rows.parameters_millions.xs("minilm-6l", level="model") == 22.7).all()
    parts = table.data.groupby(["task", "metric"], sort=False)
    assert list(parts.groups) == [("sentiment", "accuracy"), ("squad", "f1"), ("squad", "exact_match")]
    for _, part in parts:
        assert part.method.iloc[0] == "teacher"
        assert part.model.iloc[1] == "constant answer"


def test_main_results_shown_with_intervals_and_without_repeats(products):
    shown = build("table_4_1_main_results", products, digits=2).shown
    assert shown.Task.tolist().count("sentiment (accuracy)") == 1
    students = shown[~shown.Method.isin(["teacher", "majority class", "most frequent answer"])]
    assert students["Score (%)"].str.fullmatch(r"\d\d\.\d\d \[\d\d\.\d\d, \d\d\.\d\d\]").all()


def test_captions_say_what_the_design_cannot(products):
    caption = build("table_4_1_main_results", products).caption
    contrasts = read_frame(products["comparison"] / "contrasts.parquet")
    mde = contrasts[contrasts.task == "squad"].mde
    for part in (
        "sentiment: n = 400",
        "95 % interval",
        "One seed only on squad",
        f"{100 * mde.min():.1f}-{100 * mde.max():.1f} points on squad",
        "80 % probability",
    ):
        assert part in caption
    assert "earlier code" not in caption


def test_kept_runs_are_marked(products, tmp_path):
    runs = read_frame(products["collected"] / "runs.parquet")
    runs["kept"] = (runs.method == "kd2") & (runs.seed == 1)
    table = build("table_4_1_main_results", changed(products, tmp_path, runs=runs))
    assert table.shown.Method.tolist().count("kd2*") == 2
    assert "*: trained by earlier code and kept." in table.caption


def test_ablation_is_a_grid_with_one_chosen_point_per_student(products):
    table = build("table_4_2_kd1_ablation", products)
    assert list(table.shown) == ["Task", "Model", "Method", "T", "alpha = 0.5", "alpha = 0.9"]
    stars = table.shown[["alpha = 0.5", "alpha = 0.9"]].map(lambda cell: cell.endswith("*"))
    assert stars.to_numpy().sum() == 4
    row = table.data[(table.data.temperature == 4) & (table.data.alpha == 0.9)].iloc[0]
    assert table.shown.iloc[1]["alpha = 0.9"].startswith(f"{100 * row['mean']:.1f} [")


def test_ablation_keeps_other_options_apart(products, tmp_path):
    """A grid over a third option has two points for each T and alpha; neither hides the other."""
    runs = read_frame(products["collected"] / "runs.parquet")
    summary = read_frame(products["comparison"] / "summary.parquet")
    runs = runs[(runs.method == "kd1") & (runs.task == "squad")]
    summary = summary[(summary.method == "kd1") & (summary.task == "squad")]

    def with_option(frame, value):
        frame = frame.assign(variant=frame.variant + f"_{value}")
        if "options" in frame:
            frame["options"] = [json.dumps({**json.loads(text), "divergence": value}) for text in frame.options]
        return frame

    double = {
        name: pd.concat([with_option(frame, "kl"), with_option(frame, "jsd")])
        for name, frame in (("runs", runs), ("summary", summary))
    }
    table = build("table_4_2_kd1_ablation", changed(products, tmp_path, **double))
    assert sorted(table.data.other.unique()) == ["divergence=jsd", "divergence=kl"]
    assert len(table.shown) == 2 * 2 * 2  # students, temperatures, divergences
    assert "Other" in table.shown


@pytest.mark.parametrize("name", ["table_4_2_kd1_ablation", "table_4_3_significance"])
def test_nothing_to_show_is_said(products, tmp_path, name):
    runs = read_frame(products["collected"] / "runs.parquet")
    contrasts = read_frame(products["comparison"] / "contrasts.parquet")
    folders = changed(products, tmp_path, runs=runs[runs.method == "b0"], contrasts=contrasts[:0])
    table = build(name, folders)
    assert len(table.data) == 0
    assert "no method" in table.caption.lower()
    (tmp_path / "summary").mkdir()
    write(table, tmp_path / "summary", name)
    assert len(pd.read_csv(tmp_path / "summary" / f"{name}.csv")) == 0


def test_significance_shows_points_and_explains_its_notes(products):
    table = build("table_4_3_significance", products)
    first = table.data.iloc[0]
    assert table.shown.Difference[0].startswith(f"{100 * first.difference:+.1f} [")
    assert table.shown.MDE[0] == f"{100 * first.mde:.1f}"
    one = table.data.n_seeds == 1
    assert (table.shown["Paired t"][one] == "--").all()
    letter = re.search(r"\((\w)\) one seed", table.caption)[1]
    assert table.shown.Note[one].str.contains(letter).all()
    assert not table.shown.Note[~one].str.contains(letter).any()


def test_errors_beside_the_teachers(products):
    table = build("table_4_5_error_analysis", products)
    agreement = read_frame(products["error_analysis"] / "agreement.parquet")
    keys = ["task", "student", "method"]
    means = agreement.groupby(keys)[["agreement", "inherited_share", "unlearned", "only_student", "kl"]].mean()
    students = table.data[table.data.role == "student"].set_index(["task", "model", "method"])
    for name in means:
        assert students[name].to_dict() == pytest.approx(means[name].to_dict(), nan_ok=True)
    for _, part in table.data.groupby("task"):
        assert part.role.tolist() == ["teacher"] + ["student"] * 8
        assert part[part.role == "teacher"].agreement.isna().all()
    runs = read_frame(products["collected"] / "runs.parquet")
    scores = runs[runs.selected].groupby(keys).test_score.mean()
    assert table.data.set_index(["task", "model", "method"]).score.to_dict() == pytest.approx(scores.to_dict())
    row, shown = table.data.iloc[1], table.shown.iloc[1]
    interval = f"[{100 * row.agreement_low:.1f}, {100 * row.agreement_high:.1f}]"
    assert shown.Agreement == f"{100 * row.agreement:.1f} {interval}"
    assert shown.ECE.startswith(f"{100 * row.ece:.1f} [")
    assert (shown.Lost, shown.Gained) == (f"{100 * row.unlearned:.1f}", f"{100 * row.only_student:.1f}")
    for part in ("sentiment: n = 400, accuracy", "squad: n = 240, f1", "95 % interval", "by luck"):
        assert part in table.caption


def test_errors_without_a_classification_have_no_probabilities(products, tmp_path):
    folders = {}
    for product in ("collected", "error_analysis"):
        folders[product] = tmp_path / product
        folders[product].mkdir()
        for path in products[product].iterdir():
            table = read_frame(path)
            write_table(table[table.task == "squad"], folders[product] / path.name)
    table = build("table_4_5_error_analysis", folders)
    assert not {"KL", "ECE"} & set(table.shown)
    assert "ECE" not in table.caption
    assert "nan" not in table.caption


def test_runs_map_names_to_folders(products):
    table = build("runs", products)
    assert table.data.name.is_unique
    row = table.data[table.data.name == "sentiment minilm-6l kd1 T2_a0.5 seed 2"].iloc[0]
    assert row.path.endswith(row.run_id)


@pytest.mark.parametrize(
    ("value", "low", "high", "signed", "text"),
    [
        (0.8217, 0.787, 0.8512, False, "82.2 [78.7, 85.1]"),
        (-0.005, -0.02, 0.01, True, "-0.5 [-2.0, +1.0]"),
        (0.51, float("nan"), float("nan"), False, "51.0"),
        (float("nan"), 0, 1, False, "--"),
    ],
)
def test_intervals_beside_their_values(value, low, high, signed, text):
    assert rendering.with_interval(value, low, high, 1, signed) == text


def test_csv_has_numbers_only(tmp_path):
    table = Table(pd.DataFrame({"x": [0.1234567891, float("nan")]}), pd.DataFrame({"x": ["12.3", "--"]}), "x")
    write(table, tmp_path, "t")
    assert (tmp_path / "t.csv").read_text() == 'x\n0.123457\n""\n'
