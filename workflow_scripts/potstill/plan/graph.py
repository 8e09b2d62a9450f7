"""From an experiment to artefacts: every node with exactly the configuration it depends on.

Read from top to bottom in the direction in which data flow: assets, examples, teacher, targets, runs, benchmarks.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from potstill.plan import methods
from potstill.plan.base import Record
from potstill.plan.catalogue import ModelEntry
from potstill.plan.code import TENSOR_LIBRARIES, code_digest
from potstill.plan.configuration import Configuration
from potstill.plan.experiment import TaskSettings
from potstill.plan.grid import expand
from potstill.plan.local import content_digest, locate
from potstill.plan.nodes import Keeper, Node, slug
from potstill.plan.read import validated
from potstill.plan.specs.evaluate import BenchmarkSpec, PredictSpec
from potstill.plan.specs.model import ModelView
from potstill.plan.specs.prepare import PrepareSpec
from potstill.plan.specs.source import FetchDatasetSpec, FetchModelSpec, LocalSource, Source
from potstill.plan.specs.targets import Generations, HiddenStates, LabelLogits, TargetSpec, TokenLogits
from potstill.plan.specs.task import TaskView
from potstill.plan.specs.train import TrainingSettings, TrainSpec

TEACHER = "teacher"
Target = LabelLogits | TokenLogits | Generations | HiddenStates


@dataclass(frozen=True)
class Run:
    """One student's training, with what tables and figures call it."""

    node: Node
    task: str
    student: str
    method: str
    variant: str
    options: Record
    seed: int


@dataclass(frozen=True)
class Transfer:
    """What a model of one task answered on another's test split: a student's run, or the teacher (`run` is None)."""

    node: Node
    task: str
    test_task: str
    run: Run | None = None


@dataclass
class Graph:
    """All artefacts of one experiment.

    Attributes:
        nodes: folder -> id -> node.
        runs: the students' runs, in the order of the experiment.
        teacher: name of the teacher that is used (of several candidates, the one chosen by the probe).
        predictions: task -> the teacher's scored predictions.
        examples: task -> its examples.
        benchmarks: (task, role, name) -> size and speed.
        transfers: the answers to other tasks, in the order of the experiment.
        further_examples: task that is only tested on, or tested on besides -> its examples.
        fits: task -> the run that fitted the teacher to it; empty where it is used as it comes.
    """

    nodes: dict[str, dict[str, Node]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    teacher: str = ""
    predictions: dict[str, Node] = field(default_factory=dict)
    examples: dict[str, Node] = field(default_factory=dict)
    benchmarks: dict[tuple[str, str, str], Node] = field(default_factory=dict)
    transfers: list[Transfer] = field(default_factory=list)
    further_examples: dict[str, Node] = field(default_factory=dict)
    fits: dict[str, Node] = field(default_factory=dict)


def build_graph(configuration: Configuration, teacher: str) -> Graph:
    """The graph of a checked configuration, with `teacher` as its teacher."""
    return _Builder(configuration, teacher).build()


class _Builder:
    def __init__(self, configuration: Configuration, teacher: str) -> None:
        self.configuration = configuration
        self.experiment = configuration.experiment
        self.catalogue = configuration.catalogue
        self.graph = Graph(teacher=teacher)
        self.keeper = Keeper(configuration.main.results) if configuration.main.code == "keep" else None

    def build(self) -> Graph:
        for task in self.experiment.tasks:
            self.graph.examples[task] = self.examples(task)
            self.graph.predictions[task] = self.teacher_predictions(task)
            for student in self.experiment.students:
                runs = list(self.runs(task, student))
                self.graph.runs += runs
                self.graph.benchmarks[task, "student", student] = self.benchmark(
                    task, student, runs[0].node, derived=True
                )
            for other in self.settings(task).also_evaluate_on:
                self.graph.further_examples[other] = self.examples(other)
                self.graph.transfers += self.transfers(task, other)
            teacher = self.teacher(task)
            if self.experiment.teacher.fit is not None:
                self.graph.fits[task] = teacher
            self.graph.benchmarks[task, "teacher", self.graph.teacher] = self.benchmark(
                task,
                self.graph.teacher,
                teacher,
                derived=self.experiment.teacher.fit is not None,
                devices=self.experiment.teacher.devices if self.experiment.teacher.shard else 1,
            )
        return self.graph

    # Assets

    def model_asset(self, name: str) -> Node:
        """The fetched model behind a catalogue entry, derived or not."""
        entry = self.catalogue.models[name]
        if entry.derived_from:
            return self.model_asset(entry.derived_from)
        spec = FetchModelSpec(
            source=self.source("models", name), format=entry.format, trust_remote_code=entry.trust_remote_code
        )
        libraries = TENSOR_LIBRARIES if entry.format == "gguf" else ()
        code = code_digest("fetch_model.py", (), libraries)
        return self.add("assets", slug("model", name), spec, code, local=self.local("models", name))

    def dataset_asset(self, name: str) -> Node:
        entry = self.catalogue.datasets[name]
        files = tuple(sorted({file for files in entry.files.values() for file in _several(files)}))
        spec = FetchDatasetSpec(source=self.source("datasets", name), files=files)
        code = code_digest("fetch_dataset.py")
        return self.add("assets", slug("data", name), spec, code, local=self.local("datasets", name))

    def source(self, section: str, name: str) -> Source:
        """The source of an entry, with the digest of its content where it lies on this machine."""
        source = getattr(self.catalogue, section)[name].source
        assert source is not None  # checked: every entry that is not derived has one
        if not isinstance(source, LocalSource):
            return source
        return content_digest(source, self.configuration, self.configuration.origins[section, name])

    def local(self, section: str, name: str) -> dict[str, str]:
        """Where the source of an entry lies, if it lies on this machine."""
        source = getattr(self.catalogue, section)[name].source
        if not isinstance(source, LocalSource):
            return {}
        return {"path": str(locate(source, self.configuration, self.configuration.origins[section, name]))}

    # Examples

    def settings(self, task: str) -> TaskSettings:
        """What the experiment changes of a task: nothing of one that is only tested on."""
        return self.experiment.tasks.get(task, TaskSettings())

    def examples(self, task: str) -> Node:
        entry, settings = self.catalogue.tasks[task], self.settings(task)
        dataset = self.catalogue.datasets[entry.dataset]
        shared = entry.as_json()
        described = {
            **{name: shared[name] for name in PrepareSpec.model_fields if name in shared},
            "format": dataset.format,
            "files": {split: _several(files) for split, files in dataset.files.items()},
            "splits": {**entry.splits, **settings.splits},
        }
        where = self.configuration.origins["tasks", task]
        if settings.splits:
            where += f" (with the splits of {self.configuration.path}: tasks.{task})"
        spec = validated(PrepareSpec, described, where)
        inputs = {"dataset": self.dataset_asset(entry.dataset)}
        return self.add("examples", slug(task), spec, code_digest("prepare_task.py"), inputs)

    def task_view(self, task: str) -> TaskView:
        entry, settings = self.catalogue.tasks[task], self.settings(task)
        return TaskView(
            kind=entry.kind,
            verbalizers=tuple(label.verbalizer for label in entry.labels),
            max_input_tokens=settings.max_input_tokens or entry.max_input_tokens,
            max_answer_tokens=settings.max_answer_tokens or entry.max_answer_tokens,
        )

    # Teacher

    def teacher(self, task: str) -> Node:
        """The model that teaches: the asset as it comes, or the run that fitted it."""
        fit = self.experiment.teacher.fit
        asset = self.model_asset(self.graph.teacher)
        if fit is None:
            return asset
        options = methods.load("b0").Options()
        spec = TrainSpec(
            task=self.task_view(task),
            model=self.model_view(self.graph.teacher),
            method="b0",
            options=options.as_json(),
            seed=fit.seed,
            training=self.training(task, fit.training),
        )
        name = slug(task, self.graph.teacher, "fit", f"s{fit.seed}")
        inputs = {"examples": self.examples(task), "model": asset}
        launch = {"devices": spec.training.devices}
        return self.add("runs", name, spec, self.training_code("b0"), inputs, launch=launch)

    def teacher_view(self) -> ModelView:
        """How the teacher's directory is loaded; a fitted teacher was saved as a plain model."""
        view = self.model_view(self.graph.teacher)
        return view if self.experiment.teacher.fit is None else view.model_copy(update={"derive": None})

    def teacher_launch(self) -> dict[str, Any]:
        """How a job runs in which the teacher is asked."""
        settings = self.experiment.teacher
        return {"devices": settings.devices, "shard_model": settings.shard}

    def teacher_predictions(self, task: str, test_task: str | None = None) -> Node:
        """The answers of a task's teacher, calibrated on that task, to its test split or that of `test_task`."""
        settings = self.experiment.teacher
        tested = test_task or task
        spec = PredictSpec(
            task=self.task_view(tested),
            model=self.teacher_view(),
            calibration=settings.calibration if self.is_classification(task) else "none",
            # Nothing is chosen by the teacher's validation score, and a large teacher is not asked in vain.
            splits=("test",),
            token_budget=self.experiment.targets.token_budget,
            precision=settings.precision,
        )
        inputs: dict[str, Node | tuple[Node, ...]] = {"examples": self.examples(tested), "teacher": self.teacher(task)}
        if spec.calibration != "none":
            inputs["label_logits"] = self.targets(task, LabelLogits())
        # A teacher that is used as it comes is the same for all tasks: it answers each of them once.
        of_the_task = settings.fit is not None or spec.calibration != "none"
        name = (
            slug(task, self.graph.teacher, "on", tested)
            if of_the_task and test_task
            else slug(tested, self.graph.teacher)
        )
        return self.predictions(name, spec, inputs, self.teacher_launch())

    def predictions(
        self,
        name: str,
        spec: PredictSpec,
        inputs: Mapping[str, Node | tuple[Node, ...]],
        launch: Mapping[str, Any] | None = None,
    ) -> Node:
        """A model's answers; whichever it is, the stage loads it as the input `teacher`."""
        code = code_digest("predict_teacher.py", (), TENSOR_LIBRARIES)
        return self.add("predictions", name, spec, code, inputs, launch=launch)

    # Targets

    def stored(self, target: Target) -> Target:
        """What a method asks for, as this experiment stores it."""
        settings = self.experiment.targets
        if isinstance(target, TokenLogits):
            # A temperature beyond the usual ones comes with the method's wish: it gets a teacher pass of its own.
            unusual = set(target.temperatures) - set(TokenLogits().temperatures)
            kept = tuple(sorted({*settings.temperatures, *unusual}))
            return target.model_copy(update={"top_k": settings.top_k, "temperatures": kept})
        if isinstance(target, HiddenStates):
            return target.model_copy(update={"layers": settings.hidden_layers})
        if isinstance(target, Generations):
            sampling = {name: getattr(settings, f"generation_{name}") for name in ("temperature", "top_p", "seed")}
            return target.model_copy(update=sampling)
        return target

    def targets(self, task: str, target: Target) -> tuple[Node, ...]:
        """All shards of one kind of targets."""
        settings = self.experiment.targets
        code = code_digest("capture_targets.py", (f"potstill.targets.{target.kind}",), TENSOR_LIBRARIES)
        inputs = {"examples": self.examples(task), "teacher": self.teacher(task)}
        shards = []
        for shard in range(settings.shards):
            spec = TargetSpec(
                task=self.task_view(task),
                model=self.teacher_view(),
                target=target,
                splits=tuple(s for s in ("train", "transfer") if s in self.splits(task)),
                shard=shard,
                shards=settings.shards,
                token_budget=settings.token_budget,
                precision=self.experiment.teacher.precision,
            )
            name = slug(task, self.graph.teacher, target.kind, f"{shard + 1}of{settings.shards}")
            shards.append(self.add("targets", name, spec, code, inputs, launch=self.teacher_launch()))
        return tuple(shards)

    # Runs

    def runs(self, task: str, student: str) -> Iterator[Run]:
        """Every method, grid point and seed of one student on one task."""
        for label, settings in self.experiment.methods.items():
            method = methods.load(settings.method)
            where = f"{self.configuration.path}: methods.{label}"
            for options in expand(method.Options, settings.options, where):
                for seed in self.experiment.seeds:
                    variant = method.variant(options)
                    node = self.run(task, student, settings.method, method, options, seed, label, variant)
                    yield Run(node, task, student, label, variant, options, seed)

    def run(
        self,
        task: str,
        student: str,
        name: str,
        method: ModuleType,
        options: Record,
        seed: int,
        label: str,
        variant: str,
    ) -> Node:
        entry = self.catalogue.models[student]
        base = self.teacher(task) if entry.derived_from == TEACHER else self.model_asset(student)
        inputs: dict[str, Node | tuple[Node, ...]] = {"examples": self.examples(task), "model": base}
        wanted = method.targets(options, self.catalogue.tasks[task].kind)
        for target in wanted:
            inputs[target.kind] = self.targets(task, self.stored(target))
        calibrated = any(target.kind == "label_logits" for target in wanted)
        spec = TrainSpec(
            task=self.task_view(task),
            model=self.model_view(student),
            method=name,
            options=options.as_json(),
            seed=seed,
            training=self.training(
                task, self.experiment.students[student].training, self.experiment.methods[label].training
            ),
            calibration=self.experiment.teacher.calibration if calibrated else "none",
        )
        shown = "" if variant == "-" else variant
        named, launch = slug(task, student, label, shown, f"s{seed}"), {"devices": spec.training.devices}
        return self.add("runs", named, spec, self.training_code(name), inputs, launch=launch)

    def training(self, task: str, *patches: Record) -> TrainingSettings:
        """The settings of a training: the experiment's, changed by the task's, then by each patch in turn."""
        merged: dict[str, Any] = {}
        for patch in (self.experiment.training, self.experiment.tasks[task].training, *patches):
            merged |= {name: getattr(patch, name) for name in patch.model_fields_set}
        return TrainingSettings(**merged)

    @staticmethod
    def training_code(method: str) -> str:
        roots = (f"potstill.methods.{method}", f"potstill.plan.methods.{method}")
        return code_digest("train_student.py", roots, TENSOR_LIBRARIES)

    # Other tasks

    def transfers(self, task: str, test_task: str) -> Iterator[Transfer]:
        """The answers of a task's teacher and runs on the test split of another task."""
        yield Transfer(self.teacher_predictions(task, test_task), task, test_task)
        for run in self.graph.runs:
            if run.task == task:
                yield Transfer(self.run_predictions(run, test_task), task, test_task, run)

    def run_predictions(self, run: Run, test_task: str) -> Node:
        """A run's answers to the test split of another task."""
        precision = run.node.spec["training"]["precision"]
        spec = PredictSpec(
            task=self.task_view(test_task),
            # Saved as a plain model.
            model=self.model_view(run.student).model_copy(update={"derive": None}),
            splits=("test",),
            precision="fp32" if precision == "auto" else precision,
        )
        shown = "" if run.variant == "-" else run.variant
        name = slug(run.task, run.student, run.method, shown, f"s{run.seed}", "on", test_task)
        return self.predictions(name, spec, {"examples": self.examples(test_task), "teacher": run.node})

    # Benchmarks

    def benchmark(self, task: str, name: str, model: Node, *, derived: bool, devices: int = 1) -> Node:
        """Size and speed; of a student, those of its first run: they do not depend on what the weights are."""
        settings = self.experiment.benchmark
        view = self.model_view(name)
        spec = BenchmarkSpec(
            task=self.task_view(task),
            model=view.model_copy(update={"derive": None}) if derived else view,
            devices=devices,
            **settings.model_dump(),
        )
        inputs = {"examples": self.examples(task), "model": model}
        code = code_digest("benchmark_model.py", (), TENSOR_LIBRARIES)
        launch = {"devices": devices, "shard_model": devices > 1}
        return self.add("benchmarks", slug(task, name), spec, code, inputs, launch=launch)

    # Helpers

    def model_view(self, name: str) -> ModelView:
        entry = self.catalogue.models[name]
        architecture = resolved(self.catalogue.models, entry, self.graph.teacher).architecture
        assert architecture is not None  # checked: every entry that is not derived has one
        return ModelView(
            architecture=architecture,
            derive=entry.derive,
            trust_remote_code=entry.trust_remote_code,
            load_in_8bit=entry.load_in_8bit,
        )

    def splits(self, task: str) -> set[str]:
        return {*self.catalogue.tasks[task].splits, *self.experiment.tasks[task].splits}

    def is_classification(self, task: str) -> bool:
        return self.catalogue.tasks[task].kind == "classification"

    def add(
        self,
        kind: str,
        name: str,
        spec: Record,
        code: str,
        inputs: Mapping[str, Node | tuple[Node, ...]] | None = None,
        local: Mapping[str, str] | None = None,
        launch: Mapping[str, Any] | None = None,
    ) -> Node:
        """The node, one object for equal ids, replaced by a finished artefact of the same spec when code is kept."""
        node = Node(kind, name, spec.as_json(), code, inputs or {}, local or {}, launch or {})
        if self.keeper and (finished := self.keeper.find(node)):
            node = dataclasses.replace(node, kept=finished)
        return self.graph.nodes.setdefault(kind, {}).setdefault(node.id, node)


def resolved(models: Mapping[str, ModelEntry], entry: ModelEntry, teacher: str) -> ModelEntry:
    """The entry that a derived model comes from, or the entry itself."""
    if entry.derived_from is None:
        return entry
    return models[teacher if entry.derived_from == TEACHER else entry.derived_from]


def tokenizer_family(models: Mapping[str, ModelEntry], name: str, teacher: str) -> str:
    """Name shared by models with the same token ids."""
    entry = models[name]
    if entry.derived_from:
        return entry.tokenizer or tokenizer_family(
            models, teacher if entry.derived_from == TEACHER else entry.derived_from, teacher
        )
    return entry.tokenizer or name


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
