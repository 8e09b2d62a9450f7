"""What jobs are called, and that name in front of every line they print."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from potstill.jobs import PrefixedStream, job_name, prefixed_output, progress_file, without_prefixes
from potstill.plan.nodes import Node, slug

RUN = Node("runs", slug("sst2", "minilm", "kd1", "T2_a0.5", "s42"), {"a": 1}, "c0de")


@pytest.mark.parametrize(
    ("rule", "output", "name"),
    [
        ("train_student", RUN.directory("results"), "train sst2.minilm.kd1.T2_a0.5.s42"),
        ("fetch_model", "results/assets/model.smollm2-135m-0123456789.abcdef", "fetch model.smollm2-135m"),
        ("draw_figure", "results/demo/figures/fig_4_5_kd_gain.png", "draw fig_4_5_kd_gain"),
        ("write_table", "results/demo/summary/runs.csv", "write runs"),
        ("write_report", "results/demo/report.html", "write report"),
        ("collect_runs", "results/demo/collected", "collect runs"),
        ("compare", "results/demo/comparison", "compare demo"),
        ("probe_teacher", "results/probes/a.b-0123456789.json", "probe teacher"),
    ],
)
def test_a_job_has_a_short_name(rule, output, name):
    assert job_name(rule, Path(output)) == name
    assert without_prefixes(f"{name} | error: x\n{name} |\n{name} | a | b") == "error: x\n\na | b"


def test_only_artefacts_have_a_progress_file():
    assert progress_file(Path(RUN.directory("r"))) == Path(f"r/.progress/runs.{RUN.id}.json")
    assert progress_file(Path("results/demo/figures/fig_4_5_kd_gain.png")) is None
    assert progress_file(Path("/run")) is None


def stream(now):
    out = io.StringIO()
    return out, PrefixedStream(out, "train a | ", every=10.0, clock=lambda: now[0])


def test_every_line_begins_with_the_name_and_no_line_is_mixed_from_two():
    out, ours = stream([0.0])
    print("one\ntwo", file=ours)
    ours.write("th")
    out.write("train b | between\n")
    ours.write("ree\n\nfo")
    ours.close()
    assert out.getvalue().splitlines() == [
        *("train a | one", "train a | two", "train b | between", "train a | three", "train a |", "train a | fo"),
    ]


def test_a_bar_that_writes_over_itself_becomes_a_line_now_and_then():
    now = [0.0]
    out, ours = stream(now)
    for percent in range(101):
        now[0] += 0.25
        ours.write(f"\r{percent} %")
    ours.write("\r\n")
    assert out.getvalue().splitlines() == ["train a | 38 %", "train a | 78 %", "train a | 100 %"]


def test_both_streams_and_tracebacks_have_the_name(capsys):
    before = sys.stdout, sys.stderr

    def work():
        with prefixed_output("train a"):
            print("careful", file=sys.stderr)
            print("no line end", end="")
            raise ValueError("boom\ntwice")

    with pytest.raises(SystemExit) as caught:
        work()
    assert caught.value.code == 1
    assert (sys.stdout, sys.stderr) == before
    out, err = capsys.readouterr()
    assert out == "train a | no line end\n"
    assert all(line.startswith("train a |") for line in err.splitlines())
    assert without_prefixes(err).endswith("ValueError: boom\ntwice\n")


def test_a_reader_that_is_gone_stops_nothing():
    code = (
        "from potstill.jobs import prefixed_output\nfrom potstill.progress import say\n"
        "with prefixed_output('a b'):\n    [say('x' * 1000) for _ in range(1000)]\nraise SystemExit(7)"
    )
    scripts = Path(__file__).parents[1] / "workflow_scripts"
    job = subprocess.Popen([sys.executable, "-c", code], cwd=scripts, stderr=subprocess.PIPE)
    job.stderr.close()
    assert job.wait(timeout=60) == 7
