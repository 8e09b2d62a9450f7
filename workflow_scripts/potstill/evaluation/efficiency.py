"""Size and speed of one model on this machine."""

import os
import platform
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
import psutil
import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from potstill.models.batch import Encoded
from potstill.models.device import synchronize
from potstill.models.directory import model_directory
from potstill.models.encode import collate
from potstill.models.task_model import TaskModel
from potstill.provenance import library_versions

MIB = 1024 * 1024


class PeakMemory:
    """Peak memory between entry and `mb()`, above what was in use at entry.

    On cuda what torch allocates on the device; elsewhere the process's resident memory, sampled every few milliseconds,
    because the operating system's own high-water mark also remembers what happened before.
    """

    def __init__(self, device: torch.device, *, every_seconds: float = 0.005) -> None:
        self.device = device
        self.every_seconds = every_seconds
        self.process = psutil.Process()
        self.stop = threading.Event()
        self.watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device)
        else:
            self.before = self.peak = self.process.memory_info().rss
            self.watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        if self.watcher.ident is not None:
            self.watcher.join()

    def mb(self) -> float:
        """MiB so far."""
        if self.device.type == "cuda":
            return (torch.cuda.max_memory_allocated(self.device) - self.before) / MIB
        return (max(self.peak, self.process.memory_info().rss) - self.before) / MIB

    def _watch(self) -> None:
        while not self.stop.wait(self.every_seconds):
            self.peak = max(self.peak, self.process.memory_info().rss)


@torch.inference_mode()
def measure_speed(
    task_model: TaskModel,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[Encoded],
    *,
    batch_size: int,
    warmup: int,
    repeats: int,
) -> dict[str, Any]:
    """Latency at batch 1 and throughput in batches, of encoded prompts (tokenising is not measured).

    A classification is one forward pass; a generative task is a whole greedy answer. `warmup` passes come first.

    Returns:
        `latencies_ms`, one for each example and repeat; `latency_ms_p50`, `latency_ms_p95`; from the fastest of the
        repeats `throughput_examples_per_s` and `throughput_tokens_per_s`: tokens read for a classification, tokens
        written otherwise.
    """
    task_model.eval()
    answer = _answerer(task_model, tokenizer)
    for _ in range(warmup):
        answer(items[:1])
    latencies = [_timed(task_model, answer, [item])[0] * 1000 for _ in range(repeats) for item in items]
    ordered = sorted(items, key=lambda item: -len(item.input_ids))
    batches = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]
    for _ in range(min(warmup, 1)):
        answer(batches[0])
    passes = []
    for _ in range(repeats):
        timed = [_timed(task_model, answer, batch) for batch in batches]
        passes.append((sum(seconds for seconds, _ in timed), sum(tokens for _, tokens in timed)))
    seconds, tokens = min(passes)
    return {
        "latencies_ms": latencies,
        "latency_ms_p50": float(np.percentile(latencies, 50)),
        "latency_ms_p95": float(np.percentile(latencies, 95)),
        "throughput_examples_per_s": len(items) / seconds,
        "throughput_tokens_per_s": tokens / seconds,
    }


def measure_size(task_model: TaskModel, directory: Path) -> dict[str, int]:
    """Weights, weights outside the vocabulary's matrices, and bytes of the stored directory (tokenizer included)."""
    modules = (task_model.model.get_input_embeddings(), task_model.model.get_output_embeddings())
    matrices = {cast(nn.Embedding, module).weight for module in modules if module is not None}
    parameters = task_model.parameter_count()
    folder = model_directory(directory)
    return {
        "parameters": parameters,
        "parameters_without_embeddings": parameters - sum(matrix.numel() for matrix in matrices),
        "bytes_on_disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    }


def environment(device: torch.device, precision: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    versions = library_versions()
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "cpu": _cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": versions["torch"],
        "transformers": versions["transformers"],
        "precision": precision,
    }


def _answerer(task_model: TaskModel, tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[Encoded]], int]:
    """A function that answers a batch and returns the number of tokens that count as its work."""

    def classify(items: Sequence[Encoded]) -> int:
        task_model(collate(items, tokenizer.pad_token_id).to(task_model.device))
        return sum(len(item.input_ids) for item in items)

    def generate(items: Sequence[Encoded]) -> int:
        limit = task_model.task.max_answer_tokens
        return sum(answer.n_tokens for answer in task_model.generate(items, tokenizer, max_new_tokens=limit))

    return classify if task_model.task.kind == "classification" else generate


def _timed(
    task_model: TaskModel, answer: Callable[[Sequence[Encoded]], int], items: Sequence[Encoded]
) -> tuple[float, int]:
    synchronize(task_model.device)
    start = time.perf_counter()
    tokens = answer(items)
    synchronize(task_model.device)
    return time.perf_counter() - start, tokens


def _cpu_name() -> str:
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
