"""A report made by its stage from planted tables, figures and captions."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import write_report
from comparison_tables import better, evidence, student, write
from PIL import Image
from potstill.artefacts import sealed
from potstill.report import document
from potstill.report.embedding import LARGEST
from potstill.report.table import Table
from potstill.stage import Stage

FIGURES = (
    "fig_4_3_kd_comparison",
    "fig_4_5_kd_gain",
    "fig_4_1_performance_vs_size",
    "fig_4_2_latency",
    "fig_loss_curves",
)
CAPTIONS = {
    "fig_4_3_kd_comparison": "**Methods side by side.** Under *each* student one row.\n\nHow to read it: ``mean`` & interval.\n",
    "table_4_1_main_results": "**What each model reached.** One row a model.\n\nHow to read it: 100 % is the teacher.",
}
INDEX = """Convention everywhere: `L = (1 - alpha) * CE + alpha * T^2 * D`; alpha is a weight.

| method | loss | trains on | teacher's targets | paper | files |
|---|---|---|---|---|---|
| `b0` fine-tuning | `CE(y, s)` | train | none | | `methods/b0.py` |
| `kd1` logit KD | `(1-α) CE + α T² D(t_T)` | train + transfer | label logits | Hinton et al. 2015 | `methods/kd1.py` |
| `kd1`, `alignment: uld` | `α T Σ_i abs(t - s)` | train | top-K | Boizard et al. 2024 | `losses/uld.py` |
"""
SPEC = {
    "title": "Which <student> keeps up & why",
    "description": "Does the small one keep 97 % of the big one?",
    "experiment": "planted",
    "teacher": "big",
    "teacher_is_fitted": False,
    "seeds": [0, 1, 2],
    "baseline": "b0",
    "notes": ["Teacher not used: huge: needs 15 GB, found 8 GB"],
    "methods": {"b0": "b0", "kd1": "kd1", "own": "own_method"},
    "sources": [
        {"role": "teacher", "name": "big", "origin": "org/big on the Hugging Face Hub", "licence": "apache-2.0"}
    ],
    "tables": ["table_4_1_main_results"],
    "figures": list(FIGURES),
    "captions": CAPTIONS,
    "index": INDEX,
    "settings": {
        "seeds": [0, 1, 2],
        "training": {"learning_rate": 3e-4, "lora": None},
        "methods": {"kd1": {"training": {}}},
    },
}


def planted(keeps: bool = True):
    """A student that keeps the margin on one of two tasks (or on none), its errors and costs."""
    tasks = {
        "reviews": [student("small", "b0", 0.90), better(student("small", "kd1", 0.985, keeps=keeps))],
        "questions": [student("small", "b0", 0.90), student("small", "kd1", 0.93)],
    }
    differing = [
        {
            "task": "reviews",
            "example_id": f"e{number}",
            "prompt": "Review: <b>not</b> good at all. " * (30 if number else 1),
            "gold": "negative",
            "role": role,
            "student": name,
            "method": method,
            "answer": answer,
            "share_right": float(answer == "negative"),
            "spread": 1.0,
        }
        for number in (0, 1)
        for role, name, method, answer in (
            ("student", "small", "b0", "positive"),
            ("teacher", "big", "teacher", "negative"),
            ("student", "small", "kd1", ""),
        )
    ]
    shares = (
        "agreement",
        "both_right",
        "inherited",
        "both_wrong_differently",
        "unlearned",
        "only_student",
        "inherited_share",
    )
    agreement = [
        {
            "task": "reviews",
            "student": "small",
            "method": "kd1",
            "variant": "-",
            "seed": seed,
            "kl": 0.125,
            "n_examples": 1000,
        }
        | dict.fromkeys(shares, value)
        for seed, value in ((0, 0.2), (1, 0.4))
    ]
    cost = {"task": "reviews", "devices": 1, "device": "cpu", "jobs": 2, "amortised_over": 6}
    costs = [
        cost
        | {"student": "small", "method": m, "stage": stage, "kind": kind, "seconds": total, "seconds_per_run": each}
        for m, stage, kind, total, each in (
            ("kd1", "targets", "label_logits", 120.0, 20.0),
            ("kd2", "targets", "label_logits", 120.0, 20.0),
            ("b0", "training", "", 180.0, 60.0),
            ("kd1", "training", "", 300.0, 100.0),
        )
    ]
    return evidence(
        tasks, differing=pd.DataFrame(differing), agreement=pd.DataFrame(agreement), costs=pd.DataFrame(costs)
    )


def table(name, folders, digits):
    """In place of a real table: repeated names left out, signs, a missing cell."""
    shown = pd.DataFrame(
        {
            "Task": ["reviews", "", "questions"],
            "Method": ["b0", "kd1", "b0"],
            "Gain": ["-3.5 [-5.0, -2.0]", "+12.0 [+9.0, +15.0]", "--"],
            "p": ["0.020", "<0.001", "--"],
        }
    )
    return Table(shown, shown, "Gains in points; n = 1000.")


def make(experiment: Path, monkeypatch, found=None, **changes) -> Path:
    """Run the stage in `experiment`; the path of its report.html."""
    folders = write(found or planted(), experiment)
    (experiment / "figures").mkdir()
    (experiment / "summary").mkdir()
    (experiment / ".made").mkdir()
    for number, name in enumerate(FIGURES):
        Image.new("RGB", (1400, 500 + number), "white").save(experiment / "figures" / f"{name}.png")
        (experiment / "figures" / f"{name}.pdf").write_bytes(b"%PDF-1.4")
        (experiment / "figures" / f"{name}.csv").write_text("a,b\n1,2\n")
    noise = np.random.default_rng(0).bytes(LARGEST + 1)
    (experiment / "figures" / "fig_4_2_latency.pdf").write_bytes(noise)
    (experiment / "summary" / "table_4_1_main_results.csv").write_text("a\n1\n")
    record = {"product": "comparison", "id": "x", "files": {}, "versions": {"numpy": "2.4.6"}, "commit": "a" * 40}
    read = experiment / ".made" / "comparison.json"
    read.write_text(sealed(record | {"modified": False}))
    monkeypatch.setattr(document, "build_table", table)
    inputs = {name: str(folder) for name, folder in folders.items()}
    inputs |= {"record": str(experiment / ".made" / "report.json"), "product_id": "1.2", "reads": [str(read)]}
    write_report.main(Stage(json.loads(json.dumps(SPEC | changes)), inputs, experiment / "report.html", 1))
    return experiment / "report.html"
