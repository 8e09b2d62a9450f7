"""The verdict on planted cases, and what it says of them."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from comparison_tables import better, evidence, student
from potstill.report import wording
from potstill.report.verdict import judge, smallest

NONE = float("nan")
LARGE = {"parameters": 40e6}


def said(found):
    """All that the verdict says, headline first."""
    verdict = judge(found)
    limits = [wording.limit(limit) for limit in verdict.limits]
    return [wording.headline(verdict), *wording.support(verdict), *wording.distillation(verdict), *limits]


def test_a_clear_winner_is_recommended_with_its_numbers():
    found = evidence({"t": [student("small", "b0", 0.90), better(student("small", "kd1", 0.985, keeps=True))]})
    verdict = judge(found)
    assert [(kept.student, kept.method, kept.status) for kept in verdict.recommended] == [("small", "kd1", "keeps")]
    headline, support, gain, *_ = said(found)
    assert headline == "Use small trained with kd1: it keeps at least 97 % of its teacher."
    assert "10 M parameters, 10.0 times smaller than big" in support
    assert "78.8 % accuracy, which is 98.5 % [97.5, 99.5] of the teacher's 80.0 %" in support
    assert gain == "kd1 beats b0: +5.0 points [+3.0, +7.0], p = 0.001."


def test_the_smallest_that_passes_is_recommended_not_the_best():
    students = [student("large", "kd1", 1.0, keeps=True, **LARGE), student("small", "kd1", 0.98, keeps=True)]
    assert judge(evidence({"t": students})).recommended[0].student == "small"
    failing = [students[0], replace(students[1], keeps=False)]
    assert judge(evidence({"t": failing})).recommended[0].student == "large"


def test_of_one_student_the_method_with_the_best_validation_score_is_taken_and_the_other_named():
    """The test set's own order is the other way round: it judges, and must not choose as well."""
    a = student("small", "kd1", 0.98, keeps=True, validation=0.8)
    b = student("small", "kd2", 0.99, keeps=True, validation=0.7)
    verdict = judge(evidence({"t": [b, a]}))
    assert (verdict.recommended[0].method, verdict.also) == ("kd1", ("kd2",))
    assert "kd2 would do as well" in " ".join(said(evidence({"t": [b, a]})))
    assert smallest(judge(evidence({"t": [replace(a, validation=NONE), b]})).tasks[0].students).method == "kd2"


def test_none_passes_and_the_nearest_is_named_with_what_is_known_of_it():
    short = evidence({"t": [student("small", "kd1", 0.93), student("small", "b0", 0.88)]})
    assert judge(short).recommended == ()
    headline, nearest, *_ = said(short)
    assert headline == "No student is shown to keep 97 % of its teacher."
    assert nearest.startswith("The nearest is small with kd1: 74.4 % accuracy, 93.0 % [92.0, 94.0]")
    assert nearest.endswith("which is less than 97 %.")
    still = evidence({"t": [student("small", "kd1", 0.96, half=0.03)]})
    assert judge(still).tasks[0].students[0].status == "open"
    assert said(still)[1].endswith("so 97 % is neither shown nor ruled out.")


def test_a_high_share_alone_does_not_pass():
    """What is shown counts: 100 % with a wide interval is open."""
    verdict = judge(evidence({"t": [student("small", "kd1", 1.0, half=0.2)]}))
    assert verdict.recommended == ()
    assert verdict.tasks[0].students[0].status == "open"


def test_a_tie_between_methods_is_left_a_tie():
    tie = evidence({"t": [student("small", m, 0.9) for m in ("b0", "kd1", "kd2")]})
    verdict = judge(tie)
    assert {gain.outcome for gain in verdict.tasks[0].gains} == {"open"}
    assert "kd1 (+0.0 [−1.0, +1.0]) and kd2 (+0.0 [−1.0, +1.0]) cannot be told from b0." in said(tie)
    assert any("smaller than 2.0 points would often have been missed" in sentence for sentence in said(tie))


@pytest.mark.parametrize(
    ("gain", "p", "outcome"),
    [
        (0.05, 0.049, "better"),
        (0.05, 0.05, "better"),
        (0.05, 0.051, "open"),
        (-0.05, 0.01, "worse"),
        (0.05, NONE, "open"),
    ],
)
def test_the_corrected_p_decides_whether_a_difference_is_shown(gain, p, outcome):
    (found,) = judge(evidence({"t": [better(student("small", "kd1", 0.9), gain, p)]})).tasks[0].gains
    assert found.outcome == outcome


def test_exploratory_contrasts_and_other_metrics_have_no_say():
    base = evidence({"t": [student("small", "kd1", 0.9)]})
    more = base["comparison/contrasts"].assign(p_adjusted=0.001, difference=0.3)
    others = [more.assign(role="exploratory"), more.assign(metric="exact_match")]
    base.frames["comparison/contrasts"] = pd.concat([base["comparison/contrasts"], *others])
    assert [gain.outcome for gain in judge(base).tasks[0].gains] == ["open"]


def test_one_seed_is_said_wherever_it_matters():
    text = said(evidence({"t": [student("small", "kd1", 0.99, keeps=True, mde=NONE)]}, seeds=1))
    assert text[1].endswith("One seed: this holds for this trained model, not yet for the method.")
    assert any(sentence.startswith("On t there is one seed") for sentence in text)
    assert not any("would often have been missed" in sentence for sentence in text)


def test_several_tasks_want_one_student_that_keeps_on_all():
    on_both = {
        "a": [student("small", "kd1", 0.98, keeps=True), student("large", "kd2", 0.99, keeps=True, **LARGE)],
        "b": [student("small", "kd1", 0.90), student("large", "kd2", 0.99, keeps=True, **LARGE)],
    }
    verdict = judge(evidence(on_both))
    assert [(kept.task, kept.student, kept.method) for kept in verdict.recommended] == [
        ("a", "large", "kd2"),
        ("b", "large", "kd2"),
    ]
    assert verdict.tasks[0].recommended.student == "small"
    text = said(evidence(on_both))
    assert text[0] == "Use large trained with kd2: it keeps at least 97 % of its teacher on every task."
    assert text[1].startswith("On a it (40 M parameters")
    other = {"a": on_both["a"], "b": [student("small", "kd1", 0.90)]}
    text = said(evidence(other))
    assert text[0] == "No student keeps 97 % of its teacher on every task; small with kd1 on a does."
    assert text[2].startswith("On b, the nearest is small with kd1")


def test_different_methods_on_different_tasks_are_no_recommendation():
    tasks = {"a": [student("small", "kd1", 0.99, keeps=True)], "b": [student("small", "kd2", 0.99, keeps=True)]}
    assert judge(evidence(tasks)).recommended == ()
    assert said(evidence(tasks))[0].endswith("small with kd1 on a and small with kd2 on b do.")


def test_wins_over_several_tasks_are_counted_as_the_table_says():
    wins = pd.DataFrame({"student": ["small"], "method": ["kd1"], "n_tasks": [2], "tasks_won": [1], "which": [["a"]]})
    tasks = {name: [student("small", "kd1", 0.9)] for name in "ab"}
    assert "kd1 with small beats the baseline on at least 1 of 2 tasks (a)." in said(evidence(tasks, wins=wins))
    alone = wins.assign(n_tasks=1)
    assert not any("at least" in text for text in said(evidence({"a": [student("small", "kd1", 0.9)]}, wins=alone)))


def test_a_student_beyond_its_teacher_is_said_to_be():
    beyond = student("small", "kd1", 1.05, keeps=True)
    assert judge(evidence({"t": [beyond]})).recommended[0].beats_teacher
    assert "That is more than the teacher itself." in said(evidence({"t": [beyond]}))[1]
    near = student("small", "kd1", 1.005, keeps=True)
    assert not judge(evidence({"t": [near]})).recommended[0].beats_teacher


def test_keeping_up_with_a_teacher_that_knows_nothing_is_no_praise():
    found = evidence({"t": [student("small", "kd1", 0.99, keeps=True)]}, constant=0.795)
    assert judge(found).tasks[0].teacher_says_little
    assert any(text.startswith("Caution: On t the teacher (80.0 %) cannot be told from") for text in said(found))
    assert not judge(evidence({"t": [student("small", "kd1", 0.99, keeps=True)]})).tasks[0].teacher_says_little


def test_of_a_teacher_at_zero_no_share_can_be_kept():
    nothing = replace(student("small", "kd1", 0.9), retention=NONE, low=NONE, high=NONE)
    assert (
        said(evidence({"t": [nothing]}))[1] == "The teacher's accuracy is 80.0 %: there is nothing to keep a share of."
    )


def test_what_is_suspect_of_one_model_is_one_sentence():
    rows = [
        ("small", "kd1", "it says no"),
        ("big", "teacher", "it says yes."),
        ("small", "kd1", "it leaves half empty"),
    ]
    table = pd.DataFrame([{"task": "t", "student": s, "method": m, "kind": "x", "text": text} for s, m, text in rows])
    text = said(evidence({"t": [student("small", "kd1", 0.9)]}, warnings=table))
    assert "On t, small with kd1: it says no; it leaves half empty." in text
    assert "On t, the teacher big: it says yes." in text


def test_a_shortcut_of_the_recommended_student_stands_beside_the_recommendation():
    warning = {"task": "t", "student": "small", "method": "kd1", "kind": "options", "text": "answers no to all."}
    students = [student("small", "b0", 0.9), student("small", "kd1", 0.99, keeps=True)]
    text = said(evidence({"t": students}, warnings=pd.DataFrame([warning])))
    assert "Caution: On t, small with kd1: answers no to all." in text[2]
    others = said(evidence({"t": students}, warnings=pd.DataFrame([warning | {"method": "b0"}])))
    assert not any(sentence.startswith("Caution") for sentence in others)
    assert "On t, small with b0: answers no to all." in others


def test_what_the_design_lacks_is_listed():
    students = [student("small", "b0", 0.9), student("small", "kd1", 0.9, trials=4)]
    text = said(evidence({"t": students}, clusters=12, kept_runs=2))
    assert any("only 12 independent groups" in sentence for sentence in text)
    assert any("b0 in 1 variant and kd1 in 4 variants" in sentence for sentence in text)
    assert any(sentence.startswith("2 of 7 runs were made by other versions") for sentence in text)
    quiet = said(evidence({"t": [student("small", "b0", 0.9), student("small", "kd1", 0.9)]}))
    assert not any("groups" in sentence or "tries" in sentence or "versions" in sentence for sentence in quiet)


def test_a_design_that_could_show_nobody_to_keep_up_is_said_to_be():
    students = [student("small", "b0", 0.9, detectable=1.03), student("small", "kd1", 0.9, detectable=1.018)]
    (said_so,) = [text for text in said(evidence({"t": students})) if "as good as its teacher" in text]
    assert "97 % is shown with 80 % probability only if it truly keeps 101.8 %" in said_so
    one_could = [students[0], replace(students[1], detectable=0.995)]
    assert not any("as good as its teacher" in text for text in said(evidence({"t": one_could})))


def test_how_much_more_would_be_needed_is_said_where_nothing_is_shown():
    found = evidence({"t": [student("small", "kd1", 0.9, gain=0.012)]})
    table = found["comparison/contrasts"].assign(seeds_needed=8.2, examples_needed=NONE)
    found.frames["comparison/contrasts"] = table
    (needed,) = [text for text in said(found) if "it would take" in text]
    assert needed.endswith("as that of kd1 with small (+1.2 points) it would take 9 seeds.")
    found.frames["comparison/contrasts"] = table.assign(examples_needed=4100.0)
    assert any("9 seeds or 4,100 test examples" in text for text in said(found))


def test_an_experiment_of_the_baseline_alone_has_a_verdict():
    text = said(evidence({"t": [student("small", "b0", 0.9)]}))
    assert text[0] == "No student is shown to keep 97 % of its teacher."


@pytest.mark.parametrize(
    ("value", "text"), [(15_616_130.0, "15.6 M"), (7.62e9, "7.62 B"), (42_000.0, "42 k"), (12.0, "12"), (NONE, "--")]
)
def test_sizes_in_words(value, text):
    assert wording.size(value) == text


def test_other_test_sets_are_told_apart_from_the_verdict_as_exploratory() -> None:
    def row(method: str, difference: float, p: float) -> dict[str, object]:
        spread = {"difference_low": difference - 0.02, "difference_high": difference + 0.02}
        names = {"task": "home", "test_task": "away", "student": "small", "method": method, "difference": difference}
        return names | spread | {"p_adjusted": p, "n_seeds": 3, "n_examples": 500, "n_seen": 7, "confidence": 0.95}

    summary = [row("b0", math.nan, math.nan), row("kd1", 0.01, 0.3), row("kd2", -0.05, 0.001), row("kd3", 0.04, 0.02)]
    students = {"home": [student("small", method, 0.9) for method in ("b0", "kd1", "kd2", "kd3")]}
    found = judge(evidence(students, transfer_summary=pd.DataFrame(summary)))
    assert wording.elsewhere(found) == [
        "On away: kd3 beats b0: +4.0 points [+2.0, +6.0], p = 0.020.",
        "On away: kd2 is worse than b0: −5.0 points [−7.0, −3.0], p = 0.001.",
        "On away: kd1 (+1.0 [−1.0, +3.0]) cannot be told from b0.",
    ]
    assert wording.elsewhere(judge(evidence(students))) == []
    (seen,) = (limit for limit in found.limits if limit.kind == "seen")
    assert wording.limit(seen).startswith(
        "7 of the 500 test examples of away are among those that the models of home were"
    )
