"""An experiment's benchmarks side by side. Formats: "Benchmarks, collected" in docs/architecture.md."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from potstill.artefacts import read_json
from potstill.plan.specs.collect import CollectedBenchmark

BENCHMARK_FACTS = (
    "parameters",
    "parameters_without_embeddings",
    "bytes_on_disk",
    "latency_ms_p50",
    "latency_ms_p95",
    "throughput_examples_per_s",
    "throughput_tokens_per_s",
    "peak_memory_mb",
)
ENVIRONMENT_FACTS = ("device", "cpu", "threads", "precision")


def collect_benchmarks(benchmarks: Sequence[CollectedBenchmark], directories: Sequence[Path]) -> pd.DataFrame:
    """The scalar figures of each benchmark, with where they were measured."""
    rows = []
    for benchmark, directory in zip(benchmarks, directories, strict=True):
        facts = read_json(directory, "benchmark.json")
        environment = facts.get("environment", {})
        rows.append(
            {
                **benchmark.as_json(),
                **{name: facts.get(name) for name in BENCHMARK_FACTS},
                **{name: environment.get(name) for name in ENVIRONMENT_FACTS},
            }
        )
    return pd.DataFrame(rows)
