"""What a person sees of a call, in a terminal and without one: real Snakemake, a real pseudo-terminal, jobs that pretend."""

import re
import signal
from pathlib import Path

import pytest
from potstill.jobs import PREFIX
from small_workflow import SmallWorkflow

pytestmark = pytest.mark.slow

NAMES = ("train sst2.a", "train sst2.b")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """One call in a terminal in which everything goes well."""
    workflow = SmallWorkflow(tmp_path_factory.mktemp("good"))
    return workflow, workflow.in_terminal("all")


def test_both_running_jobs_have_a_row_with_their_numbers(seen):
    _, call = seen
    row = r"^{}\s+[━╸╺]+\s+step \d+/20\s+\d\.\d{{4}}\s+\d(,\d+)*\s+\d+ s\s+\d+ s$"
    tables = ["\n".join(lines) for lines in call.tables()]
    both = [text for text in tables if all(re.search(row.format(name), text, flags=re.MULTILINE) for name in NAMES)]
    assert both, tables[-1]
    assert re.search(r"^running +loss +tokens/s +left +time$", both[-1], flags=re.MULTILINE)
    assert re.search(r"^0 of 2 jobs done, 2 running, \d+ s$", both[0], flags=re.MULTILINE)
    steps = [int(step) for text in tables for step in re.findall(r"train sst2\.a .*step (\d+)/20", text)]
    assert steps == sorted(steps)
    assert len(set(steps)) > 1


def test_at_the_end_stand_one_line_a_job_and_the_summary_and_the_cursor_is_back(seen):
    _, call = seen
    assert call.code == 0
    text = "\n".join(call.lines)
    assert len(re.findall(r"^done: train sst2\.[ab], \d+ s$", text, flags=re.MULTILINE)) == 2
    assert re.search(r"^2 of 2 jobs done in \d+ s$", text, flags=re.MULTILINE)
    assert not re.search(r"running|step|saved", text)
    # The cursor is there: never hidden, or shown again.
    assert call.drawn.rfind("\x1b[?25h") >= call.drawn.rfind("\x1b[?25l")


def test_what_the_table_leaves_out_stands_in_the_logs(seen):
    workflow, call = seen
    for log in workflow.logs.iterdir():
        assert "step 20/20" in log.read_text()
    (whole,) = (workflow.folder / ".snakemake" / "log").iterdir()
    for said in ("rule train_student:", "Select jobs to execute", "1 of 3 steps"):
        assert said in whole.read_text()
        assert said not in call.drawn


def test_a_failure_is_shown_above_the_table_as_it_happens(tmp_path):
    workflow = SmallWorkflow(tmp_path, names=("bad", "b"))
    call = workflow.in_terminal("all")
    assert call.code != 0
    during = next(lines for lines in call.tables() if any(line.startswith("failed: ") for line in lines))
    row = next(n for n, line in enumerate(during) if line.startswith("train sst2.b"))
    place = next(n for n, line in enumerate(during) if line.startswith("failed: train sst2.bad (log: results/logs/"))
    assert place < row
    assert during[place + 1 : place + 3] == ["    error: no such teacher", "    name another one"]
    assert re.search(r"^\d of 2 jobs done, 1 failed, 1 running", "\n".join(during), flags=re.MULTILINE)
    text = "\n".join(call.lines)
    assert re.search(r"^1 of 2 jobs done in \d+ s, 1 failed$", text, flags=re.MULTILINE)
    assert text.count("error: no such teacher") == 1
    assert "THE MESSAGES" in text
    assert "CalledProcessError" not in text


def test_the_shell_of_a_job_outlives_a_batch_systems_warning_under_the_table_too(tmp_path):
    workflow = SmallWorkflow(tmp_path)
    assert workflow.in_terminal("all").tables()
    shells = list((tmp_path / "results/runs").glob("*/shell.txt"))
    assert len(shells) == 2
    for shell in shells:
        ignored = int(re.search(r"^SigIgn:\s+(\w+)$", shell.read_text(), flags=re.MULTILINE)[1], 16)
        assert ignored >> (signal.SIGTERM - 1) & 1


def test_show_failed_logs_shows_the_whole_log(tmp_path):
    call = SmallWorkflow(tmp_path, names=("bad", "b")).in_terminal("all", "--show-failed-logs")
    text = "\n".join(call.lines)
    for line in ("step 1/20: loss 1.0000", "error: no such teacher", "name another one"):
        assert f"    train sst2.bad | {line}" in text


@pytest.mark.parametrize(("arguments", "environment"), [((), {"NO_COLOR": "1"}), (("--nocolor",), {})])
def test_without_colours_there_are_none(arguments, environment, tmp_path):
    call = SmallWorkflow(tmp_path).in_terminal("all", *arguments, **environment)
    assert any("step" in line for lines in call.tables() for line in lines)
    assert not re.findall(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38|48)[;\d]*m", call.drawn)


@pytest.mark.parametrize(
    ("arguments", "environment"), [((), {"TERM": "dumb"}), (("--verbose",), {}), (("--printshellcmds",), {})]
)
def test_a_terminal_that_cannot_draw_or_a_call_for_more_words_gets_plain_lines(arguments, environment, tmp_path):
    call = SmallWorkflow(tmp_path).in_terminal("all", *arguments, **environment)
    assert call.code == 0
    assert "\x1b[?25l" not in call.drawn
    assert "train sst2.a | step 3/20" in call.drawn


def test_without_a_terminal_every_line_of_a_job_says_whose_it_is(tmp_path):
    workflow = SmallWorkflow(tmp_path, names=("bad", "b"))
    call = workflow.without_terminal("all")
    assert "\x1b" not in call.drawn
    said = [line for line in call.drawn.splitlines() if re.search(r"step \d+/20|saved|no such teacher|name an", line)]
    assert len(said) == 11 + 2 + 20 + 1
    assert all(line.startswith(("train sst2.bad | ", "train sst2.b | ")) for line in said)
    for log in workflow.logs.iterdir():
        assert all(PREFIX.match(line) for line in log.read_text().splitlines())
    assert re.search(r"^1 of 2 jobs done in \d+ s, 1 failed$", call.drawn, flags=re.MULTILINE)


@pytest.mark.parametrize("place", ["live.duration = lambda seconds: 1 / 0", "live.LiveTable._print = None"])
def test_a_display_that_breaks_does_not_touch_the_jobs_and_plain_messages_go_on(place, tmp_path):
    workflow = SmallWorkflow(tmp_path, before=f"import potstill.display.live as live\n{place}")
    call = workflow.in_terminal("all")
    assert call.code == 0, call.drawn
    assert len(list((workflow.folder / "results/runs").glob("*/manifest.json"))) == 2
    assert "3 of 3 steps (100%) done" in "\n".join(call.lines)
    assert "Traceback" not in call.drawn
    # The cursor is there: never hidden, or shown again.
    assert call.drawn.rfind("\x1b[?25h") >= call.drawn.rfind("\x1b[?25l")


def test_a_summary_that_breaks_does_not_fail_the_call(tmp_path):
    call = SmallWorkflow(tmp_path, before="PLAN.is_made = lambda name: 1 / 0").without_terminal("all")
    assert call.code == 0, call.drawn


def test_no_progress_file_is_left_even_of_a_job_that_was_killed(tmp_path):
    workflow = SmallWorkflow(tmp_path)
    job = Path(workflow.folder, "train_student.py")
    job.write_text(job.read_text().replace('    say("saved")', "    import os\n    os.kill(os.getpid(), 9)"))
    call = workflow.without_terminal("all")
    assert call.code != 0
    assert not (workflow.folder / "results/.progress").exists()


def test_a_dry_run_and_a_call_with_nothing_to_do_have_no_summary(tmp_path):
    workflow = SmallWorkflow(tmp_path)
    dry = workflow.in_terminal("-n", "all").drawn
    assert "rule train_student:" in dry
    assert "jobs done" not in dry
    assert workflow.in_terminal("all").code == 0
    again = workflow.in_terminal("all").drawn
    assert "Nothing to be done" in again
    assert "jobs done" not in again
