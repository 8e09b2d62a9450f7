"""The experiment: which teacher teaches which students what, by which methods, how often, and how it is judged.

Every `training` holds changes: of its keys, only those that a file gives count.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from potstill.plan.base import Record
from potstill.plan.specs.analyse import ErrorAnalysisSettings
from potstill.plan.specs.compare import ComparisonSettings
from potstill.plan.specs.evaluate import Calibration
from potstill.plan.specs.model import Precision
from potstill.plan.specs.prepare import Slice, Split
from potstill.plan.specs.train import TrainingSettings


class TeacherFit(Record):
    """Fit the teacher to the task before it teaches."""

    seed: int = Field(0, ge=0, description="seed of the teacher's training")
    training: TrainingSettings = Field(TrainingSettings(), description="changes to `training` for the teacher")


class TeacherSettings(Record):
    """The teacher: one model, or several in order of preference."""

    model: str | tuple[str, ...] = Field(
        description="a model of the catalogue; of several, the first that can be fetched and fits the memory, probed once"
    )
    fit: TeacherFit | None = Field(None, description="how to fit it to each task; null: as it comes (zero-shot)")
    calibration: Calibration = Field("none", description="centre: subtract the mean label logits over the transfer set")
    precision: Precision = Field("fp32", description="what the teacher computes in when it is asked")
    devices: int = Field(
        1,
        ge=1,
        description="GPUs (without any: processes) that share each job in which the teacher is asked; changes no result",
    )
    shard: bool = Field(
        False,
        description="spread the teacher's weights over `devices`, where one cannot hold them (FSDP); "
        "the results are the same but for rounding",
    )


class TaskSettings(Record):
    """What this experiment changes of a task of the catalogue."""

    splits: dict[Split, Slice] = Field({}, description="replace single slices")
    max_input_tokens: int | None = Field(None, ge=4, description="replaces the task's")
    max_answer_tokens: int | None = Field(None, ge=1, description="replaces the task's")
    training: TrainingSettings = Field(TrainingSettings(), description="changes to `training` for this task")
    also_evaluate_on: tuple[str, ...] = Field(
        (),
        description="further tasks of the catalogue, of the same kind and labels, on whose test split this task's teacher "
        "and every run are scored as well; nothing is trained for them",
    )


class StudentSettings(Record):
    """What this experiment says of a student."""

    training: TrainingSettings = Field(TrainingSettings(), description="changes to `training` for this student")


class MethodSettings(Record):
    """A method and its grid. All further keys are the method's own options; a list of values is a grid."""

    method: str = Field(description="b0, kd1, kd2, kd3, or an own file in potstill/methods (default: the entry's name)")
    training: TrainingSettings = Field(TrainingSettings(), description="changes to `training` for this method")
    options: dict[str, Any] = {}


class TargetSettings(Record):
    """How the teacher's targets are stored."""

    shards: int = Field(1, ge=1, le=1000, description="jobs that share the teacher's pass")
    token_budget: int = Field(
        2048, ge=16, description="tokens a batch of the teacher's pass may hold, padding included"
    )
    top_k: int = Field(64, ge=1, description="next-token probabilities kept at each position (token logits)")
    temperatures: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0),
        min_length=1,
        description="temperatures whose exact normaliser is stored (token logits); another one needs a new pass",
    )
    hidden_layers: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None, min_length=1, description="layers whose hidden states are kept; null: all"
    )
    generation_temperature: float = Field(
        0.0, ge=0, description="0: greedy; otherwise the teacher's answers are sampled"
    )
    generation_top_p: float = Field(1.0, gt=0, le=1, description="nucleus of the sampled answers")
    generation_seed: int = Field(0, description="seed of the sampled answers")


class BenchmarkSettings(Record):
    """How size and speed are measured."""

    examples: int = Field(64, ge=1, description="test inputs a pass uses")
    batch_size: int = Field(16, ge=1, description="batch of the throughput measurement")
    warmup: int = Field(3, ge=0, description="unmeasured calls before")
    repeats: int = Field(3, ge=1, description="measured passes")
    threads: int = Field(1, ge=1, description="CPU threads of the measured model")


class Experiment(Record):
    """One experiment: everything that `results/<name>/` shows."""

    title: str = Field(pattern=r"^[^\n]+$", description="one line, shown in the report")
    description: str = Field("", description="what is asked and why, shown in the report")
    tasks: dict[str, TaskSettings] = Field(
        min_length=1, description="tasks of the catalogue: a list, or name -> changes"
    )
    teacher: TeacherSettings
    students: dict[str, StudentSettings] = Field(
        min_length=1, description="students: a list of models, or model -> changes"
    )
    methods: dict[str, MethodSettings] = Field(min_length=1, description="name -> method, its options and grid")
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        min_length=1, description="one run of everything for each seed"
    )
    training: TrainingSettings = Field(
        TrainingSettings(), description="changes to the defaults of training, for all runs"
    )
    targets: TargetSettings = TargetSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()
    comparison: ComparisonSettings = ComparisonSettings()
    error_analysis: ErrorAnalysisSettings = ErrorAnalysisSettings()
    tables: tuple[str, ...] | None = Field(None, description="tables of the summary; null: all that apply")
    figures: tuple[str, ...] | None = Field(None, description="figures of figures.yaml; null: all that apply")
    catalogue: dict[Literal["models", "datasets", "tasks"], dict[str, Any]] = Field(
        {}, description="entries that replace or extend the catalogues for this experiment"
    )


class MainConfig(Record):
    """config/config.yaml, and what `--config KEY=VALUE` changes for one call."""

    experiment: str = Field("demo", description="which file of config/experiments", pattern=r"^[A-Za-z0-9][\w-]*$")
    results: str = Field("results", description="folder of all results; several checkouts may share one")
    data: str = Field("data", description="folder that relative `path:` sources are read from")
    teacher: str | None = Field(
        None,
        description="which of an experiment's several teachers is used, without a probe: for data steps offline, or "
        "where this machine is not the one that computes",
    )
    code: Literal["current", "keep"] = Field(
        "current", description="keep: use finished artefacts of the same spec whatever version of the code made them"
    )
