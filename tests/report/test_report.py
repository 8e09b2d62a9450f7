"""The report's files: what stands in them, escaped, complete, and without anything from outside."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from comparison_tables import evidence, student
from made_report import CAPTIONS, FIGURES, INDEX, make, planted
from PIL import Image
from potstill.errors import ArtefactError
from potstill.report import captions, latex
from potstill.report.costs import costs
from potstill.report.document import first_of_each_kind, scoreboard, titled
from potstill.report.embedding import Embedder, png_size
from potstill.report.evidence import read_evidence
from potstill.report.grids import grid, settings_grid
from potstill.report.method_index import convention, entry_of, read_index
from potstill.report.verdict import Limit, judge


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of style and script."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self._open, self.unclosed = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if self._open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield make(tmp_path_factory.mktemp("planted"), monkeypatch)


@pytest.fixture(scope="module")
def page(made):
    return Page(made.read_text(encoding="utf-8"))


def test_the_page_is_whole_and_says_the_verdict_first(page):
    assert page.unclosed == page._open == []
    headings = (
        "Verdict",
        "Every student",
        "The figures that matter",
        "could not have seen",
        "What it cost",
        "Everything else",
    )
    places = [page.text.index(words) for words in headings]
    assert places == sorted(places)
    assert "No student keeps 97 % of its teacher on every task; small with kd1 on reviews does." in page.text
    assert "Does distillation beat fine-tuning (b0)?" in page.text
    assert "Teacher not used: huge: needs 15 GB, found 8 GB" in page.text


def test_nothing_comes_from_outside(page, made):
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            address = attributes.get(name, "") or ""
            assert not re.match(r"(https?:)?//", address), (tag, address)
    text = made.read_text(encoding="utf-8")
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", text)
    assert str(made.parent) not in text


def test_what_people_wrote_is_escaped(page, made):
    assert "Which <student> keeps up & why" in page.text
    assert "<b>not</b> good" in page.text
    assert "D(t<sub>T</sub>)" in made.read_text(encoding="utf-8")
    assert "<b>not" not in made.read_text(encoding="utf-8")


def test_every_figure_is_there_once_and_the_three_that_matter_stand_first(page):
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == len(FIGURES)
    assert all(picture["src"].startswith("data:image/png;base64,") and picture["alt"] for picture in pictures)
    assert pictures[0]["alt"] == "Methods side by side"
    ids = [attributes["id"] for tag, attributes in page.tags if tag == "figure"]
    assert ids[:3] == ["fig_4_3_kd_comparison", "fig_4_5_kd_gain", "fig_4_1_performance_vs_size"]
    assert sorted(ids) == sorted(FIGURES)
    assert "Figure 4.3: Methods side by side" in page.text


def test_small_files_are_in_the_page_and_large_ones_beside_it(page, made):
    links = {attributes["download"]: attributes["href"] for tag, attributes in page.tags if "download" in attributes}
    assert links["fig_4_5_kd_gain.pdf"].startswith("data:application/pdf;base64,")
    assert links["table_4_1_main_results.csv"].startswith("data:text/csv")
    assert links["fig_4_2_latency.pdf"] == "figures/fig_4_2_latency.pdf"
    assert (made.parent / links["fig_4_2_latency.pdf"]).exists()


def test_the_page_is_kept_small(tmp_path, monkeypatch):
    (tmp_path / "a.pdf").write_bytes(b"x" * 60)
    monkeypatch.setattr("potstill.report.embedding.ALL", 100)
    embedder = Embedder(tmp_path)
    assert [link.href.startswith("data:") for link in embedder.links("a.pdf", "missing.svg", "a.pdf")] == [True, False]


def test_examples_show_gold_the_teacher_then_the_students(page):
    text = page.text[page.text.index("reviews: example 1") : page.text.index("reviews: example 2")]
    places = [
        text.index(word) for word in ("gold negative", "teacher (big)", "small, b0 positive", "small, kd1 (empty)")
    ]
    assert places == sorted(places)


def test_an_experiment_without_optional_products_has_a_report(tmp_path, monkeypatch):
    quiet = evidence({"t": [student("small", "b0", 0.9)]})
    text = Page(make(tmp_path / "x", monkeypatch, quiet, figures=[], tables=[]).read_text(encoding="utf-8")).text
    assert "No student is shown to keep 97 %" in text
    assert "3 min 0 s of computing on cpu, training alone" in text
    for heading in ("The figures that matter", "The examples on which", "Where student and teacher agree"):
        assert heading not in text


def test_the_report_is_the_same_each_time_and_is_recorded(made, tmp_path, monkeypatch):
    again = make(tmp_path / "x", monkeypatch)
    names = ("report.html", "summary.md", "latex/numbers.tex", "latex/figures.tex")
    for name in names:
        assert (made.parent / name).read_bytes() == (again.parent / name).read_bytes()
    record = json.loads((again.parent / ".made/report.json").read_text())
    assert sorted(record["files"]) == sorted(names)


def test_a_table_without_a_column_is_refused(tmp_path, monkeypatch):
    wrong = planted()
    wrong.frames["comparison/retention"] = wrong["comparison/retention"].drop(columns="keeps")
    with pytest.raises(ArtefactError, match=r"retention.parquet: no column keeps"):
        make(tmp_path / "x", monkeypatch, wrong)
    with pytest.raises(ArtefactError, match="needs the product comparison"):
        read_evidence({"collected": tmp_path / "x" / "collected"})


def test_no_file_of_the_report_needs_torch():
    code = (
        "import sys; sys.path.insert(0, 'workflow_scripts')\n"
        "from potstill.report import document, latex, model_cards, render\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


# Summary


def test_the_summary_says_the_same_in_markdown(made):
    text = (made.parent / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("# Which <student> keeps up & why\n")
    assert "**No student keeps 97 % of its teacher on every task; small with kd1 on reviews does.**" in text
    assert "| small | kd1 | - | 10 M | 78.8 % [77.8, 79.8] | 98.5 % [97.5, 99.5] | keeps |" in text
    assert "| reviews | kd1 | +12.0 [+9.0, +15.0] | <0.001 |" in text
    tables = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 3
    for found in tables:
        lines = found.splitlines()
        assert {line.count("|") for line in lines} == {lines[0].count("|")}
        assert re.fullmatch(r"\|([-:]+\|)+", lines[1])


# LaTeX


def test_every_number_of_the_verdict_is_a_macro_of_its_own(made):
    text = (made.parent / "latex/numbers.tex").read_text(encoding="utf-8")
    macros = re.findall(r"^\\newcommand\{\\(\w+)\}\{(.*)\} % .+$", text, flags=re.MULTILINE)
    assert len(macros) == len(dict(macros)) == text.count("\\newcommand")
    values = dict(macros)
    assert all(re.fullmatch("[A-Za-z]+", name) for name in values)
    assert values["PsReviewsSmallKdOneRetention"] == "98.5"
    assert values["PsReviewsSmallKdOneGain"] == "5.0"
    assert values["PsQuestionsSmallKdOneGainLow"] == r"\ensuremath{-}1.0"
    assert values["PsMargin"] == "97"
    assert "97 \\%" in values["PsVerdict"]


def test_names_become_macro_names():
    assert latex.letters("minilm-2l") == "MinilmTwol"
    assert latex.letters("T2_a0.5") == "TTwoAZeroFive"


def test_every_figure_can_be_input_with_its_caption(made):
    text = (made.parent / "latex/figures.tex").read_text(encoding="utf-8")
    assert re.findall(r"\\label\{fig:(\w+)\}", text) == list(FIGURES)
    assert r"\textbf{Methods side by side.} Under \emph{each} student one row." in text
    assert r"\texttt{mean} \& interval." in text
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_takes_it_as_it_is(made, tmp_path):
    (tmp_path / "figures").mkdir()
    for name in FIGURES:
        Image.new("RGB", (60, 40)).save(tmp_path / f"figures/{name}.pdf")
    for name in ("numbers", "figures"):
        shutil.copy(made.parent / f"latex/{name}.tex", tmp_path)
    text = r"Kept: \PsReviewsSmallKdOneRetention\,\%, gain \PsQuestionsSmallKdOneGainLow. \PsVerdict \listoffigures"
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{graphicx}}\input{{numbers}}\begin{{document}}{text}\input{{figures}}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


# Parts


def test_captions_in_other_notations():
    text = CAPTIONS["fig_4_3_kd_comparison"]
    assert captions.lead(text) == "Methods side by side."
    assert captions.split_lead(text)[1].startswith("Under")
    assert captions.split_lead("No lead. More.") == ("", "No lead. More.")
    first, second = captions.html(text)
    assert first == "<strong>Methods side by side.</strong> Under <em>each</em> student one row."
    assert second == "How to read it: <code>mean</code> &amp; interval."
    assert captions.plain("2 * 3 * 4 and ``a*b*c``") == "2 * 3 * 4 and a*b*c"
    assert captions.lead("") == ""
    assert captions.html("a < b") == ["a &lt; b"]


@pytest.mark.parametrize(
    ("name", "caption", "title"),
    [
        ("fig_4_12_retention", "", "Figure 4.12: retention"),
        ("fig_4_12_retention", "**Who keeps up?** More.", "Figure 4.12: Who keeps up?"),
        ("table_4_1_main_results", "", "Table 4.1: main results"),
        ("fig_loss_curves", "**How training went.** More.", "Figure: How training went"),
        ("benchmarks", "", "Benchmarks"),
        ("runs", "**Where every run lies.** More.", "Where every run lies"),
    ],
)
def test_headings_of_figures_and_tables(name, caption, title):
    assert titled(name, caption)[0] == title


def test_the_index_of_methods_is_read():
    entries = read_index(INDEX)
    assert [entry.name for entry in entries] == ["b0", "kd1", "kd1"]
    assert entry_of(entries, "kd1", {"alignment": "none"}).paper == "Hinton et al. 2015"
    assert entry_of(entries, "kd1", {"alignment": "uld"}).paper == "Boizard et al. 2024"
    assert entry_of(entries, "own", {}) is None
    assert convention(INDEX) == "L = (1 - alpha) * CE + alpha * T^2 * D; alpha is a weight."
    assert (read_index(""), convention("")) == ([], "")


def test_the_real_index_knows_every_method_that_comes_with_potstill():
    text = (Path(__file__).resolve().parents[2] / "docs/methods.md").read_text(encoding="utf-8")
    entries = read_index(text)
    assert {entry.name for entry in entries} == {"b0", "kd1", "kd2", "kd3"}
    assert all(entry.loss and entry.trains_on and entry.title for entry in entries)
    assert "alpha is the weight of the distillation term" in convention(text)


def test_every_real_caption_begins_with_what_is_shown():
    for path in (Path(__file__).resolve().parents[2] / "docs/captions").glob("*.rst"):
        bold, after = captions.split_lead(path.read_text(encoding="utf-8"))
        assert bold, path.name
        assert "How to read it" in after or path.name.startswith("table_"), path.name


def test_rows_can_be_sorted_because_no_name_is_left_out():
    found = grid(
        pd.DataFrame({"Task": ["a", "", "b"], "Model": ["x", "", ""], "n": ["1", "-2", "--"], "Note": ["", "z", ""]})
    )
    assert found.columns == [("Task", False), ("Model", False), ("n", True), ("Note", False)]
    assert [row[:2] for row in found.rows] == [["a", "x"], ["a", "x"], ["b", "x"]]
    assert [row[2] for row in found.rows] == ["1", "−2", "–"]
    assert [row[3] for row in found.rows] == ["", "z", ""]


def test_settings_are_listed_flat():
    found = settings_grid({"a": {"b": [1, None], "c": {}}, "d": True, "e": None})
    assert found.rows == [["a.b", "1, –"], ["d", "true"], ["e", "–"]]


def test_costs_count_what_is_shared_once():
    found = costs(planted())
    assert found.stages == {"targets": 120.0, "training": 480.0}
    assert found.total == 600.0
    assert found.complete
    lost = planted()
    lost.frames["costs/costs"].loc[2, "seconds"] = float("nan")
    assert not costs(lost).complete
    assert costs(lost).total == 420.0
    assert found.per_run == {("small", "kd1"): 120.0, ("small", "kd2"): 20.0, ("small", "b0"): 60.0}


def test_of_many_students_the_first_page_has_the_best_and_the_recommended():
    many = [student(f"s{i}", m, 0.9 + 0.001 * i, parameters=1e6 * i + 1) for i in range(7) for m in ("b0", "kd1")]
    many[1] = student("s0", "kd1", 0.89, keeps=True, parameters=1.0)
    verdict = judge(evidence({"t": many}))
    shown, left_out = scoreboard(verdict)
    assert left_out
    assert len(shown) == 8
    assert verdict.recommended[0] in shown
    assert scoreboard(judge(evidence({"t": many[:12]})))[1] is False


def test_of_many_limits_of_a_kind_the_first_page_says_some():
    many = [Limit("needed", "t", (number,)) for number in range(6)]
    alone = Limit("seeds", "t")
    assert first_of_each_kind([*many, alone]) == ([*many[:4], alone], many[4:])


def test_limits_beyond_the_first_are_one_click_away(made, tmp_path, monkeypatch):
    (line,) = re.findall(r'<ul class="limits">.*?</ul>', made.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.setattr("potstill.report.document.MOST_OF_A_KIND", 0)
    hidden = make(tmp_path, monkeypatch)
    folded = re.search(
        r"<details><summary>(\d+) more of these kinds</summary>(.*?)</details>", hidden.read_text(), re.DOTALL
    )
    said = re.findall("<li>(.*?)</li>", folded[2])
    assert len(said) == int(folded[1])
    assert set(said) <= set(re.findall("<li>(.*?)</li>", line))
    assert f"- {folded[1]} more of these kinds: see report.html." in (hidden.parent / "summary.md").read_text()


def test_a_picture_that_is_none_is_refused(tmp_path):
    with pytest.raises(ArtefactError, match="not a PNG"):
        png_size(b"GIF89a", tmp_path / "x.png")
