"""Made-up comparison, error analysis and answers in the documented columns; `figure_shapes` puts them on disk."""

import math

import numpy as np
import pandas as pd

KEYS = ["task", "student", "method", "variant"]
CLASSES = {"sst2": 2, "rotten_tomatoes": 4}  # the other tasks are no classifications
EXAMPLES = 60  # of each test split, as far as single answers go


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """`summary.parquet`: the primary metric and another one; the methods within 3 points of the best are tied with it."""
    keys = ["task", "role", "student", "method", "variant", "metric"]
    frame = runs.groupby(keys, sort=False, as_index=False).agg(
        selected=("selected", "first"), n_seeds=("seed", "nunique"), mean=("test_score", "mean")
    )
    frame = frame.assign(ci_low=frame["mean"] - 0.024, ci_high=frame["mean"] + 0.021, primary=True, confidence=0.95)
    chosen = frame["selected"] & (frame["role"] == "student")
    best = frame.where(chosen).groupby(frame["task"])["mean"].transform("max")
    frame["tied"] = chosen & (frame["mean"] > best - 0.03)
    frame["trials"] = frame.groupby(keys[:4])["variant"].transform("nunique")
    other = frame.assign(metric="another", primary=False, mean=0.1, tied=False)
    return pd.concat([frame, other], ignore_index=True)


def contrasts(summary: pd.DataFrame, baseline: str = "b0") -> pd.DataFrame:
    """`contrasts.parquet`: confirmatory against the baseline; exploratory: pairs, unselected variants, the other metric."""
    rows = []
    students = summary[summary["role"] == "student"]
    for (task, student, metric), models in students.groupby(["task", "student", "metric"], sort=False):
        chosen = models[models["selected"]]
        base = chosen[chosen["method"] == baseline].iloc[0]
        others = chosen[chosen["method"] != baseline]
        primary = bool(models["primary"].iloc[0])
        pairs = [(one, base, "confirmatory" if primary else "exploratory") for _, one in others.iterrows()]
        if primary:
            all_others = [one for _, one in others.iterrows()]
            pairs += [(a, b, "exploratory") for k, a in enumerate(all_others) for b in all_others[k + 1 :]]
            pairs += [(one, base, "exploratory") for _, one in models[~models["selected"]].iterrows()]
        for one, other, role in pairs:
            difference, half = one["mean"] - other["mean"], 0.02 + 0.004 * (len(rows) % 3)
            rows.append(
                {
                    "task": task, "student": student, "method": one["method"], "variant": one["variant"],
                    "other": other["method"], "other_variant": other["variant"], "metric": metric, "role": role,
                    "family": f"{task} {role}", "difference": difference, "ci_low": difference - half,
                    "ci_high": difference + half, "se": half / 2, "df": 8.0, "p": 0.02, "p_adjusted": 0.04 / (len(rows) + 1),
                    "adjustment": "holm" if role == "confirmatory" else "bh", "test": "two-way components",
                    "mde": 1.4 * half, "power": 0.8, "n_seeds": one["n_seeds"], "n_examples": 1000, "n_clusters": 1000,
                    "confidence": 0.95, "note": "",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def retention(summary: pd.DataFrame, parameters: dict[str, int], margin: float = 0.97) -> pd.DataFrame:
    """`retention.parquet`: a student keeps the teacher's score where its lower bound reaches the margin."""
    primary = summary[summary["primary"]]
    teachers = primary[primary["role"] == "teacher"].set_index("task")
    frame = primary[primary["selected"] & (primary["role"] == "student")].reset_index(drop=True)
    teacher = teachers.loc[frame["task"]]
    ratio = frame["mean"].to_numpy() / teacher["mean"].to_numpy()
    frame = frame[[*KEYS, "metric", "n_seeds"]].assign(
        margin=margin,
        retention=ratio,
        ci_low=ratio - 0.012,
        ci_high=ratio + 0.028,
        lower_bound=ratio - 0.01,
        p=0.02,
        p_holm=0.04,
        keeps=ratio - 0.01 > margin,
        n_examples=1000,
        parameters=[parameters[name] for name in frame["student"]],
        teacher_parameters=[parameters[name] for name in teacher["student"]],
        note="",
    )
    frame.loc[frame["n_seeds"] < 2, ["ci_low", "ci_high"]] = np.nan
    return frame


def budget(runs: pd.DataFrame) -> pd.DataFrame:
    """`budget.parquet`: the expected best of n variants tried (drawn without replacement), by validation score."""
    variants = runs[runs["role"] == "student"].groupby(KEYS, sort=False, as_index=False)["validation_score"].mean()
    rows = []
    for keys, method in variants.groupby(KEYS[:3], sort=False):
        scores = np.sort(method["validation_score"])
        trials = len(scores)
        for n in range(1, trials + 1):
            below = np.array([math.comb(k, n - 1) for k in range(trials)])  # subsets of n whose best is the k-th
            rows.append((*keys, trials, n, float(below @ scores / math.comb(trials, n))))
    return pd.DataFrame(rows, columns=[*KEYS[:3], "trials", "n", "expected_validation"])


def agreement(runs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """`agreement.parquet`: shares of the test examples, which sum to 1; two classes leave no room to be wrong differently."""
    frame = runs[runs["selected"] & (runs["role"] == "student")].reset_index(drop=True)
    right = frame["test_score"].to_numpy()
    only_student = 0.25 * (1 - right) * rng.uniform(0.5, 1.5, len(frame))
    both_right = right - only_student
    unlearned = np.minimum(0.81 - both_right, 1 - right) * 0.9
    wrong = 1 - right - unlearned
    differently = np.where(frame["task"].map(CLASSES) == 2, 0, 0.4) * wrong
    return frame[[*KEYS, "seed"]].assign(
        agreement=both_right + wrong - differently,
        both_right=both_right,
        inherited=wrong - differently,
        both_wrong_differently=differently,
        unlearned=unlearned,
        only_student=only_student,
        inherited_share=(wrong - differently) / (1 - right),
        kl=np.where(frame["task"].isin(CLASSES), 0.3, np.nan),
        n_examples=1000,
    )


def calibration(summary: pd.DataFrame, rng: np.random.Generator, bins: int = 10) -> pd.DataFrame:
    """`calibration.parquet`: every model is overconfident, the more the worse it is; low bins are empty."""
    models = summary[summary["primary"] & (summary["selected"] | (summary["role"] == "teacher"))]
    rows = []
    for model in models[models["task"].isin(CLASSES)].itertuples():
        classes = CLASSES[model.task]
        for number in range(bins):
            low, high = number / bins, (number + 1) / bins
            empty = high <= 1 / classes
            count = 0 if empty else int(20 + 1400 * low**4)
            confidence = np.nan if empty else (low + high) / 2
            row = {"task": model.task, "role": model.role, "student": model.student, "method": model.method}
            row |= {"variant": model.variant, "bin": number, "low": low, "high": high, "confidence": confidence}
            accuracy = np.clip(confidence - (1 - model.mean) * 0.5 * low + rng.normal(0, 0.02), 0, 1)
            rows.append(
                row
                | {
                    "accuracy": accuracy,
                    "count": count,
                    "ece": 0.2 * (1 - model.mean),
                    "ece_low": 0.15 * (1 - model.mean),
                }
                | {"ece_high": 0.25 * (1 - model.mean), "brier": 0.2, "nll": 0.5}
            )
    return pd.DataFrame(rows)


def answers(runs: pd.DataFrame, without_logits: tuple[str, ...], rng: np.random.Generator) -> pd.DataFrame:
    """`answers.parquet`: of the teacher and of one student; no logits where a task is no classification."""
    models = runs[(runs["role"] == "teacher") | (runs["selected"] & (runs["seed"] == 0) & (runs["method"] == "b0"))]
    parts = []
    for model in models.itertuples():
        classes = 0 if model.task in without_logits else CLASSES.get(model.task, 0)
        logits = rng.normal(0, 2.5, (EXAMPLES, classes)).astype("float32")
        part = pd.DataFrame({"example_id": [f"{model.task} {k}" for k in range(EXAMPLES)]}).assign(
            task=model.task, role=model.role, student=model.student, method=model.method, variant=model.variant
        )
        label = logits.argmax(axis=1) if classes else -1
        parts.append(part.assign(seed=model.seed, label=label, logits=list(logits), text="word", n_tokens=0))
    return pd.concat(parts, ignore_index=True)


def transfer(runs: pd.DataFrame) -> pd.DataFrame:
    """`transfer.parquet`: each task's models also on the first other task, or on `imdb` where there is one; points are lost."""
    tasks = list(dict.fromkeys(runs["task"]))
    parts = [runs.assign(test_task=runs["task"])]
    for task, part in runs.groupby("task", sort=False):
        other = next((name for name in tasks if name != task), "imdb")
        lost = 0.11 + 0.02 * (part["method"] == "kd2")
        parts.append(part.assign(test_task=other, test_score=part["test_score"] - lost))
    frame = pd.concat(parts, ignore_index=True).rename(columns={"test_score": "score"}).assign(n_examples=500)
    keys = ["task", "test_task", "role", "student", "method", "variant", "metric"]
    return frame[[*keys, "selected", "seed", "score", "n_examples"]]


def transfer_summary(transfer: pd.DataFrame) -> pd.DataFrame:
    """`transfer_summary.parquet`: the means of the selected variants."""
    keys = ["task", "test_task", "role", "student", "method", "variant", "metric"]
    means = transfer[transfer["selected"]].groupby(keys, sort=False, as_index=False)
    means = means.agg(mean=("score", "mean"), n_seeds=("seed", "nunique"))
    low, high = means["mean"] - 0.03, means["mean"] + 0.028
    return means.assign(ci_low=low, ci_high=high, n_examples=500, n_seen=0, confidence=0.95)


def transfer_baselines(transfer: pd.DataFrame) -> pd.DataFrame:
    """`transfer_baselines.parquet`: what a constant answer scores on each test set."""
    return transfer[["test_task", "metric"]].drop_duplicates().assign(baseline="majority class", score=0.52)
