"""How far a student does as its teacher does, right and wrong apart.

A student can be as good as its teacher without following it, and follow it without being good (Stanton et al. 2021,
"Does knowledge distillation really work?", section 3: top-1 agreement and the predictive KL divergence as fidelity).
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import log_softmax

from potstill.analysis.answers import Cell, TaskResults
from potstill.analysis.schema import COUNT, SHARE, TEXT
from potstill.statistics.intervals import interval_of_score

SCHEMA = pa.schema(
    {
        "task": TEXT,
        "student": TEXT,
        "method": TEXT,
        "variant": TEXT,
        "seed": COUNT,
        "accuracy": SHARE,
        "teacher_accuracy": SHARE,
        "agreement": SHARE,
        "agreement_low": SHARE,
        "agreement_high": SHARE,
        "agreement_teacher_right": SHARE,
        "agreement_teacher_wrong": SHARE,
        "both_right": SHARE,
        "inherited": SHARE,
        "both_wrong_differently": SHARE,
        "unlearned": SHARE,
        "only_student": SHARE,
        "inherited_share": SHARE,
        "error_consistency": SHARE,
        "kl": SHARE,
        "n_examples": COUNT,
        "confidence": SHARE,
    }
)


def agreement(results: Iterable[TaskResults], confidence: float) -> pd.DataFrame:
    """One row per task, student, method (selected variant) and seed; all shares are of the test examples, 0..1.

    `agreement_low` and `agreement_high` are the interval of the mean over seeds, the same in each seed's row.
    """
    rows = []
    for task in results:
        for cell in task.students:
            same = cell.answers == task.teacher.answers
            low, high = interval_of_score(same.astype(float), task.clusters, confidence)
            divergences = kl(task.teacher, cell)
            for index, seed in enumerate(cell.seeds):
                rows.append(
                    {"task": task.task, **cell.keys, "seed": seed}
                    | parts(task.teacher.right[0], cell.right[index], same[index])
                    | {"agreement_low": low, "agreement_high": high, "kl": divergences[index]}
                    | {"n_examples": len(task.examples), "confidence": confidence}
                )
    return pd.DataFrame(rows, columns=SCHEMA.names)


def parts(teacher: NDArray[np.bool_], student: NDArray[np.bool_], same: NDArray[np.bool_]) -> dict[str, float]:
    """The five parts of the test set, which add up to 1, and what follows from them.

    Args:
        teacher: [N], whether the teacher is right; student: [N], likewise; same: [N], whether both answer the same.

    Returns:
        `both_right`, `inherited` (both wrong, same answer), `both_wrong_differently`, `unlearned` (the teacher right,
        the student not), `only_student`; `inherited_share` of the student's errors (NaN without errors);
        `agreement`, also where the teacher is right and where it is wrong; and `error_consistency`, Cohen's kappa of
        being right: 0 where errors coincide as two independent models of these accuracies would have it, 1 where they
        coincide always (Geirhos et al. 2020, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and
        humans by measuring error consistency", eq. 1-3).
    """
    n = len(teacher)
    both_wrong = ~teacher & ~student
    p, q = float(teacher.mean()), float(student.mean())
    expected = p * q + (1 - p) * (1 - q)
    observed = float((teacher == student).mean())
    return {
        "accuracy": q,
        "teacher_accuracy": p,
        "agreement": float(same.mean()),
        "agreement_teacher_right": _ratio(int((same & teacher).sum()), int(teacher.sum())),
        "agreement_teacher_wrong": _ratio(int((same & ~teacher).sum()), int((~teacher).sum())),
        "both_right": float((teacher & student).mean()),
        "inherited": float((both_wrong & same).mean()),
        "both_wrong_differently": float((both_wrong & ~same).mean()),
        "unlearned": float((teacher & ~student).mean()),
        "only_student": float((~teacher & student).mean()),
        "inherited_share": _ratio(int((both_wrong & same).sum()), n - int(student.sum())),
        "error_consistency": _ratio(observed - expected, 1 - expected),
    }


def kl(teacher: Cell, student: Cell) -> NDArray[np.float64]:
    """[S], mean over the examples of KL(teacher || student) in nats, between the softmaxes of the stored label logits.

    The teacher's logits are as they are stored: calibrated where the experiment says so. NaN without logits, and where a
    student's are not finite.
    """
    if teacher.logits is None or student.logits is None:
        return np.full(len(student.seeds), np.nan)
    with np.errstate(invalid="ignore"):
        log_p, log_q = log_softmax(teacher.logits, axis=-1), log_softmax(student.logits, axis=-1)
        divergences: NDArray[np.float64] = (np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean(axis=-1)
    return divergences


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
