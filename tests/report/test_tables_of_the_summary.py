"""The tables: right numbers, valid LaTeX, captions that say what the design can and cannot show."""

import importlib
import json
import re
import shutil
import subprocess
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
    folders = {product: tmp_path / product for product in products}
    for product in products:
        folders[product].mkdir()
        for path in products[product].glob("*.parquet"):
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
    columns = re.search(r"\\begin\{(?:tabular|longtable)\}\{((?:[lr]|p\{\d+pt\})+)\}", text)[1]
    columns = re.sub(r"\{.*?\}", "", columns)
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    above = [line for line in lines if line.startswith("\\multicolumn")]
    assert len(lines) == len(table.shown) + 1 + len(above)
    if table.heading:
        changes = table.shown[table.heading].ne(table.shown[table.heading].shift()).sum()
        assert len(above) == changes > 0
    for line in lines:
        if line not in above:
            assert len(cells(line)) == len(columns) == table.shown.shape[1] - bool(table.heading)
        assert not re.search(r"(?<!\\)[%#$_]", line), line
    assert not re.search(r"(?<!\\)[%#$_]", re.search(r"\\caption\{(.*)\}", text)[1])
    assert text.count("\\begin{") == text.count("\\end{")
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


def test_main_results_shown_with_intervals(products):
    shown = build("table_4_1_main_results", products, digits=2).shown
    assert "sentiment (accuracy): minilm-6l, 22.7 M parameters" in set(shown.Model)
    students = shown[~shown.Method.isin(["teacher", "majority class", "most frequent answer"])]
    assert students["Score (%)"].str.fullmatch(r"\d\d\.\d\d \[\d\d\.\d\d, \d\d\.\d\d\]").all()


def test_captions_say_what_the_design_cannot(products):
    caption = build("table_4_1_main_results", products).caption
    contrasts = read_frame(products["comparison"] / "contrasts.parquet")
    mde = contrasts[(contrasts.task == "squad") & (contrasts.role == "confirmatory")].mde
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
    assert table.shown.Method.str.count(r"kd2\*").sum() == 2
    assert "*: trained by earlier code and kept." in table.caption


def test_ablation_is_a_grid_with_one_chosen_point_per_student(products):
    table = build("table_4_2_kd1_ablation", products)
    assert list(table.shown) == ["Grid", "T", "alpha = 0.5", "alpha = 0.9"]
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
    assert table.shown.Grid.str.endswith(", divergence=jsd").sum() == 4


def test_a_grid_with_many_weights_shows_means_and_says_how_sure_they_are(products, tmp_path):
    runs = read_frame(products["collected"] / "runs.parquet")
    summary = read_frame(products["comparison"] / "summary.parquet")
    one = (runs.method == "kd1") & (runs.variant == "T2_a0.5") & (runs.task == "squad")
    grid = [runs[one].assign(variant=f"T2_a{k}", alpha=k / 10) for k in range(7)]
    means = summary[(summary.method == "kd1") & (summary.variant == "T2_a0.5") & (summary.task == "squad")]
    folders = changed(
        products,
        tmp_path,
        runs=pd.concat(grid),
        summary=pd.concat(means.assign(variant=f"T2_a{k}") for k in range(7)),
    )
    table = build("table_4_2_kd1_ablation", folders)
    assert table.shown.iloc[0, 2:].str.fullmatch(r"\d\d\.\d\*?").all()
    assert "points either way" in table.caption


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
    assert table.shown.Difference.iloc[0].startswith(f"{100 * first.difference:+.1f} [")
    assert table.shown.MDE.iloc[0] == f"{100 * first.mde:.1f}"
    assert table.shown["p adj."].iloc[0] == rendering.p_value(first.p_adjusted)
    one = table.shown.Group.str.startswith("squad")
    assert (table.shown["Paired t (p)"][one] == "--").all()
    letter = re.search(r"\((\w)\) one seed", table.caption)[1]
    assert table.shown.Note[one].str.contains(letter).all()
    assert not table.shown.Note[~one].str.contains(letter).any()


def test_significance_sets_exploratory_contrasts_apart_and_leaves_the_grid_to_the_csv(products):
    table = build("table_4_3_significance", products)
    roles = table.shown.Group.str.extract(r", (\w+)$")[0]
    assert roles.drop_duplicates().tolist() == ["confirmatory", "exploratory"]
    assert (roles == "confirmatory").sum() == (table.data.role == "confirmatory").sum() == 12
    left_out = len(table.data) - len(table.shown)
    assert left_out == 2 * 2 * 3  # three of four variants of kd1, two students, two tasks
    assert f"{left_out} contrasts of variants that validation did not select are in the CSV" in table.caption
    assert "Holm within each task (6, 6 contrasts)" in table.caption


@pytest.mark.parametrize(
    ("seeds", "examples", "text"),
    [(4.0, 900.0, "4 seeds"), (float("nan"), 331_287.0, "n = 331,000"), (float("nan"), float("nan"), "--")],
)
def test_significance_says_what_would_be_needed(products, tmp_path, seeds, examples, text):
    contrasts = read_frame(products["comparison"] / "contrasts.parquet")
    contrasts = contrasts.assign(seeds_needed=seeds, examples_needed=examples)
    assert set(build("table_4_3_significance", changed(products, tmp_path, contrasts=contrasts)).shown.Needs) == {text}


def test_tied_students_are_marked_and_the_mark_is_explained(products):
    table = build("table_4_1_main_results", products)
    marked = table.shown.Method.str.endswith("†")
    assert marked.equals(table.data.tied.astype(bool))
    assert table.data[marked].groupby("task").size().min() > 1
    assert set(table.data[marked].metric) == {"accuracy", "f1"}  # primary metrics
    assert "†: cannot be told from the task's best student" in table.caption
    assert "more trials" in table.caption
    assert r"kd2\textdagger{}" in latex(table.shown, table.caption, "tab:x", table.heading)


def test_retention_says_yes_no_or_not_shown(products, tmp_path):
    retention = read_frame(products["comparison"] / "retention.parquet")
    table = build("table_4_4_retention", products)
    verdicts = table.shown["Keeps 97 %"]
    assert set(verdicts) == {"no", "open"}
    assert (verdicts == "no").equals(retention.ci_high < 0.97)
    assert "On sentiment no student is shown to keep 97 %; the highest, minilm-6l with kd2" in table.caption
    assert "squad: one seed" in table.caption

    keeps = retention.assign(keeps=retention.method == "kd1", p_holm=0.01)
    table = build("table_4_4_retention", changed(products, tmp_path, retention=keeps))
    assert (table.shown["Keeps 97 %"] == "yes").sum() == 4
    assert "On squad 2 of 8 are shown to keep 97 %; the smallest is minilm-2l with kd1" in table.caption


LONG_NAMES = {
    "minilm-6l": "TinyLlama-1.1B-Chat-v1.0",
    "minilm-2l": "SmolLM2-360M-Instruct-8bit",
    "smollm2-135m": "Qwen2.5-7B-Instruct",
    "kd3": "kd1_contrastive_with_a_long_name",
}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
@pytest.mark.parametrize("names", [{}, LONG_NAMES], ids=["short", "long"])
def test_tables_fit_a4(products, tmp_path, names):
    tables = {}
    for folder in products.values():
        for path in folder.glob("*.parquet"):
            frame = read_frame(path)
            named = [column for column in ("student", "method", "other") if column in frame]
            tables[path.stem] = frame.assign(**{column: frame[column].replace(names) for column in named})
    folders = changed(products, tmp_path, **tables)
    inputs = []
    for name in TABLES:
        write(build(name, folders), tmp_path, name)
        inputs.append(rf"\input{{{name}}}")
    packages = r"\usepackage[textwidth=160mm,textheight=240mm]{geometry}\usepackage{booktabs,longtable}"
    (tmp_path / "all.tex").write_text(
        rf"\documentclass[12pt,a4paper]{{article}}{packages}\begin{{document}}{' '.join(inputs)}\end{{document}}"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"], cwd=tmp_path, capture_output=True
    )
    log = (tmp_path / "all.log").read_text(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert "Overfull" not in log
    assert "Float too large" not in log


def test_wide_tables_get_smaller_letters_then_broken_lines():
    def text(width, columns):
        shown = pd.DataFrame({f"c{i}": ["x" * width] for i in range(columns)})
        return latex(shown, "", "tab:x")

    assert r"\fontsize{8}" in text(20, 4)
    assert r"\fontsize{7}" in text(26, 4)
    assert "p{" not in text(26, 4)
    assert r"p{" in text(40, 4)
    assert "_\\allowbreak" in latex(pd.DataFrame({"c": ["a_b" * 60]}), "", "tab:x")


def test_long_tables_break_over_pages():
    short, long = (latex(pd.DataFrame({"c": ["x"] * rows}), "", "tab:x") for rows in (40, 41))
    assert "longtable" not in short
    assert long.count("longtable") == 3  # the package, begin, end
    assert r"\endhead" in long


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
        for path in products[product].glob("*.parquet"):
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
