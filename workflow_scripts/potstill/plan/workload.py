"""What a job has to do, estimated from its spec: tokens, floating-point operations, memory, disk.

Sizes come from what is there already (a fetched model's config.json, the counts of prepared examples) and otherwise from
what can be assumed; `Workload.assumed` says what was. docs/resources.md has the formulas in words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from potstill.plan import methods
from potstill.plan.catalogue import ModelEntry
from potstill.plan.counts import Counts, answer_tokens, counted
from potstill.plan.nodes import Node
from potstill.plan.shape import ModelShape, guessed_shape, shape_of_directory
from potstill.plan.specs.evaluate import BenchmarkSpec, PredictSpec
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.targets import HiddenStates, TargetSpec, TokenLogits
from potstill.plan.specs.task import TaskView
from potstill.plan.specs.train import Lora, TrainingSettings, TrainSpec

PROCESS_BYTES = 1.2e9  # Python with torch and transformers, and what their allocators keep
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "auto": 4}
PREDICTION_BYTES = 300  # a row of predictions.parquet


@dataclass(frozen=True)
class Workload:
    """One job's work.

    Attributes:
        tokens: that pass through the model, once for each time they do.
        flops: floating-point operations.
        memory: bytes that the job holds at most, on the host and the device together; each process of a job on several
            devices loads the whole model.
        disk: bytes that it writes for good.
        devices: accelerators that it can use; 0 for a job that computes on none.
        assumed: what had to be guessed, in words.
    """

    tokens: float = 0
    flops: float = 0
    memory: float = PROCESS_BYTES
    disk: float = 0
    devices: int = 0
    assumed: tuple[str, ...] = ()


class Workloads:
    """The workloads of one plan's artefacts. Each is worked out once: all runs of a task ask for the same shards."""

    def __init__(self, results: str, models: dict[str, ModelEntry]) -> None:
        self.results = results
        self.models = models
        self._shapes: dict[str, ModelShape] = {}
        self._counts: dict[str, Counts] = {}
        self._works: dict[str, Workload] = {}
        self._kinds: dict[str, Callable[[Node], Workload]] = {
            "assets": self.fetch,
            "examples": self.prepare,
            "targets": self.capture,
            "runs": self.train,
            "predictions": self.predict,
            "benchmarks": self.measure,
        }

    def of(self, node: Node) -> Workload:
        """What the job of an artefact has to do."""
        key = f"{node.kind}/{node.id}"
        if key not in self._works:
            self._works[key] = self._kinds[node.kind](node)
        return self._works[key]

    # Stages

    def fetch(self, node: Node) -> Workload:
        """A model is written as it comes (16 bit, usually), or dequantised to 32 bit; of data nothing is known."""
        if not node.id.startswith("model."):
            return Workload()
        shape = self.shape(node)
        if node.spec["format"] == "gguf":
            size = 4.0 * shape.parameters
            return Workload(memory=PROCESS_BYTES + 2 * size, disk=size, assumed=_said(shape))
        return Workload(disk=2.0 * shape.parameters, assumed=_said(shape))

    def prepare(self, node: Node) -> Workload:
        """Every example's text and prompt, compressed by about half."""
        counts = self.counts(node)
        return Workload(disk=counts.number(*counts.splits) * (counts.characters or 1000), assumed=counts.assumed)

    def capture(self, node: Node) -> Workload:
        """One forward pass over a shard's examples, answer by answer where the teacher writes."""
        spec: TargetSpec = TargetSpec.parse(node.spec)
        counts, shape = self.counts(_one(node, "examples")), self.shape(_one(node, "teacher"), spec.model)
        target, length, answers = spec.target, counts.length(spec.task), answer_tokens(spec.task)
        number = counts.number(*spec.splits) / spec.shards
        tokens, positions = number * length, number * answers
        layers = shape.layers
        disk = number * PREDICTION_BYTES
        if isinstance(target, HiddenStates):
            layers = layers if target.layers is None else min(layers, max(target.layers))
            kept = layers + 1 if target.layers is None else len(target.layers)
            disk = 2.0 * kept * shape.hidden * (tokens if target.pooling == "tokens" else number)
        elif isinstance(target, TokenLogits):
            disk = positions * (6 * target.top_k + 4 * len(target.temperatures))
        held = (
            _weights(shape, spec.precision)
            + _inference(shape, spec.token_budget, spec.token_budget / length * answers)
            + 2 * disk
        )
        flops = _forward(shape, tokens, length, positions, layers)
        return Workload(
            tokens, flops, node.devices * (PROCESS_BYTES + held), disk, node.devices, _said(shape) + counts.assumed
        )

    def train(self, node: Node) -> Workload:
        """All epochs with their validations, then the predictions; all of the teacher's targets are held in memory."""
        spec: TrainSpec = TrainSpec.parse(node.spec)
        counts, shape = self.counts(_one(node, "examples")), self.shape(_one(node, "model"), spec.model)
        method, settings = methods.load(spec.method), spec.training
        splits = method.splits(method.Options.parse(spec.options), spec.task.kind)
        length, answers = counts.length(spec.task), answer_tokens(spec.task)
        taught = settings.epochs * counts.number(*splits)
        judged = settings.epochs * counts.number("validation") + counts.number("validation", "test")
        # Backward costs two forward passes, one where the weights themselves stay; recomputed activations another.
        passes = (2 if settings.lora else 3) + settings.gradient_checkpointing
        flops = passes * _forward(shape, taught * length, length, taught * answers)
        flops += _forward(shape, judged * length, length, judged * answers)
        targets = sum(self.of(shard).disk for role, n in node.inputs.items() if isinstance(n, tuple) for shard in n)
        held = _training(shape, settings, spec.task) + 2 * targets
        width = BYTES[settings.precision] if settings.lora else 4  # adapters are merged into weights of that precision
        disk = float(width * shape.parameters) + counts.number("validation", "test") * PREDICTION_BYTES
        tokens = (taught + judged) * length
        return Workload(
            tokens, flops, node.devices * (PROCESS_BYTES + held), disk, node.devices, _said(shape) + counts.assumed
        )

    def predict(self, node: Node) -> Workload:
        """A teacher's answers to the splits that students are scored on, or any model's to another task's test split."""
        spec: PredictSpec = PredictSpec.parse(node.spec)
        counts, shape = self.counts(_one(node, "examples")), self.shape(_one(node, "teacher"), spec.model)
        number, length, answers = counts.number(*spec.splits), counts.length(spec.task), answer_tokens(spec.task)
        held = _weights(shape, spec.precision) + _inference(
            shape, spec.token_budget, spec.token_budget / length * answers
        )
        flops = _forward(shape, number * length, length, number * answers)
        disk = number * PREDICTION_BYTES
        return Workload(
            number * length,
            flops,
            node.devices * (PROCESS_BYTES + held),
            disk,
            node.devices,
            _said(shape) + counts.assumed,
        )

    def measure(self, node: Node) -> Workload:
        """Latency one by one and throughput in batches: both over the same examples, warm-up and repeats."""
        spec: BenchmarkSpec = BenchmarkSpec.parse(node.spec)
        counts, shape = self.counts(_one(node, "examples")), self.shape(_one(node, "model"), spec.model)
        length, answers = counts.length(spec.task), answer_tokens(spec.task)
        number = 2.0 * (spec.repeats * spec.examples + spec.warmup)
        held = _weights(shape, spec.precision) + _inference(shape, spec.batch_size * length, spec.batch_size * answers)
        flops = _forward(shape, number * length, length, number * answers)
        return Workload(
            number * length,
            flops,
            node.devices * (PROCESS_BYTES + held),
            0,
            node.devices,
            _said(shape) + counts.assumed,
        )

    # Sizes

    def shape(self, node: Node, view: ModelView | None = None) -> ModelShape:
        """The shape of the model that an asset or a run holds, with what `view` derives from it."""
        if node.id not in self._shapes:
            self._shapes[node.id] = self._read_shape(node)
        return self._shapes[node.id].seen(view) if view else self._shapes[node.id]

    def counts(self, node: Node) -> Counts:
        """The sizes of a task's splits."""
        if node.id not in self._counts:
            self._counts[node.id] = counted(node, self.results)
        return self._counts[node.id]

    def _read_shape(self, node: Node) -> ModelShape:
        folder = Path(node.directory(self.results))
        if node.kind == "runs":
            return shape_of_directory(folder / "student") or self.shape(
                _one(node, "model"), TrainSpec.parse(node.spec).model
            )
        found = shape_of_directory(folder)
        if found is None and "path" in node.local:
            found = shape_of_directory(Path(node.local["path"]))
        name = re.sub(r"^model\.", "", node.slug)
        entry = self.models.get(name)
        source = node.spec["source"]
        told = str(source.get("hub") or source.get("path") or "")
        return found or guessed_shape(name, told, parameters=entry.parameters if entry else None)


def _one(node: Node, role: str) -> Node:
    found = node.inputs[role]
    assert isinstance(found, Node)
    return found


def _said(shape: ModelShape) -> tuple[str, ...]:
    return (shape.assumed,) if shape.assumed else ()


def _forward(shape: ModelShape, tokens: float, length: float, positions: float, layers: int | None = None) -> float:
    """Operations of a forward pass: two for each weight and token, the attention's, and the head's at its positions."""
    layers = shape.layers if layers is None else layers
    attention = 4.0 * layers * shape.heads * shape.head_size * length
    return tokens * (2.0 * layers * shape.layer_parameters + attention) + 2.0 * positions * shape.head_parameters


def _weights(shape: ModelShape, precision: str) -> float:
    return float(BYTES[precision] * shape.parameters)


def _activations(shape: ModelShape, tokens: float) -> float:
    """Bytes that one layer keeps of so many tokens in 32 bit: 8 vectors of its width, 4 of its feed-forward part."""
    return 4.0 * tokens * (8 * shape.hidden + 4 * shape.intermediate)


def _head(shape: ModelShape, positions: float) -> float:
    """Logits in 32 bit, their softmax and its gradient."""
    return 3 * 4.0 * positions * shape.head_outputs


def _inference(shape: ModelShape, tokens: float, positions: float) -> float:
    """One layer at a time, and the head's logits of a batch."""
    return _activations(shape, tokens) + _head(shape, positions)


def _training(shape: ModelShape, settings: TrainingSettings, task: TaskView) -> float:
    """Weights; of what is trained its gradient, AdamW's two moments and the copies of a checkpoint; activations."""
    answers, examples = answer_tokens(task), settings.micro_batch_size or settings.batch_size
    tokens = float(examples * (task.max_input_tokens + answers))
    trained = shape.computing if settings.freeze_embeddings else shape.parameters
    if settings.lora is not None:
        trained = _adapters(shape, settings.lora)
    held = _weights(shape, settings.precision if settings.lora else "fp32") + 4.0 * trained * (1 + 2 + 3)
    kept = 4.0 * tokens * shape.hidden * shape.layers if settings.gradient_checkpointing else 0
    layers = 1 if settings.gradient_checkpointing else shape.layers
    return held + kept + layers * _activations(shape, tokens) + _head(shape, examples * answers)


def _adapters(shape: ModelShape, lora: Lora) -> int:
    """Two matrices of the rank beside each of a layer's matrices."""
    attention = 4 * shape.hidden + 2 * shape.head_size * (shape.heads + shape.key_value_heads)
    feed_forward = (3 if shape.gated else 2) * (shape.hidden + shape.intermediate)
    return lora.rank * shape.layers * (attention + feed_forward)
