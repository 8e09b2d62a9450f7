"""All of the configuration, read and checked on its own: main file, catalogues, experiment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill.errors import ConfigError
from potstill.plan.base import Record
from potstill.plan.catalogue import Catalogue, DatasetEntry, ModelEntry, TaskEntry
from potstill.plan.experiment import Experiment, MainConfig
from potstill.plan.explain import shown
from potstill.plan.read import merge, read_extending, read_yaml, validated
from potstill.plan.specs.figure import FigureSettings

# Folders of `results/` that no experiment may be named like.
RESERVED = ("assets", "examples", "targets", "runs", "predictions", "benchmarks", "probes", "logs")

_ENTRIES: dict[str, type[Record]] = {"models": ModelEntry, "datasets": DatasetEntry, "tasks": TaskEntry}


@dataclass(frozen=True)
class Configuration:
    """What the YAML files say.

    Attributes:
        path: the experiment's file and those that it extends; leads the messages about the experiment.
        origins: (section, name) of a catalogue's entry -> the file and key where it stands.
    """

    main: MainConfig
    path: str
    experiment: Experiment
    catalogue: Catalogue
    figures: dict[str, FigureSettings]
    origins: Mapping[tuple[str, str], str]

    @property
    def name(self) -> str:
        """The experiment's name, and its folder's below the results."""
        return self.main.experiment


def main_config(root: Path, changes: Iterable[str]) -> dict[str, Any]:
    """config.yaml with `KEY=VALUE` changes, as Snakemake merges them.

    Raises:
        ConfigError: a change without `=`.
    """
    return read_yaml(root / "config" / "config.yaml") | assignments(
        "--config", changes, "KEY=VALUE, such as data=FOLDER"
    )


def assignments(option: str, texts: Iterable[str], expected: str) -> dict[str, str]:
    """`["method=kd1"]`, as an option of the command line has it, as a mapping.

    Raises:
        ConfigError: a text without `=`; says what the option expected.
    """
    parted = [text.partition("=") for text in texts]
    for key, equals, _ in parted:
        if not equals:
            raise ConfigError(f"{option} {key}: expected {expected}")
    return {key: value for key, _, value in parted}


def load_configuration(folder: Path, main: Mapping[str, Any]) -> Configuration:
    """Read everything that the experiment named by `main` needs.

    Args:
        folder: the `config/` folder.
        main: `config.yaml` with what `--config` changed for this call.

    Raises:
        ConfigError: with file, key path, what was found and what is allowed, for every record that is wrong.
    """
    settings = validated(MainConfig, dict(main), f"{folder / 'config.yaml'} or --config")
    if settings.experiment in RESERVED:
        raise ConfigError(
            f"--config experiment={settings.experiment}: {settings.results}/{settings.experiment} is where artefacts lie; "
            "give the experiment another name"
        )
    raw, (file, *others) = read_extending(folder / "experiments" / f"{settings.experiment}.yaml")
    path = f"{file} (extends {', '.join(other.stem for other in others)})" if others else str(file)
    experiment = validated(Experiment, _normalised(raw, path), path)
    figures = {
        name: validated(FigureSettings, entry, f"{folder / 'figures.yaml'}: {name}")
        for name, entry in read_yaml(folder / "figures.yaml").items()
    }
    catalogue, origins = _catalogue(folder, experiment, path)
    return Configuration(settings, path, experiment, catalogue, figures, origins)


def _catalogue(folder: Path, experiment: Experiment, path: str) -> tuple[Catalogue, dict[tuple[str, str], str]]:
    """The catalogues' entries, with the experiment's own merged over those of the same name, and where each stands.

    All are validated: a broken line in a catalogue is an error even if this experiment does not use it.
    """
    sections: dict[str, dict[str, Any]] = {}
    origins: dict[tuple[str, str], str] = {}
    for section, record in _ENTRIES.items():
        file = folder / f"{section}.yaml"
        entries = read_yaml(file)
        own = experiment.catalogue.get(section, {})  # type: ignore[call-overload]
        sections[section] = {}
        for name in entries | own:
            where = f"{path}: catalogue.{section}.{name}" if name in own else f"{file}: {name}"
            entry = entries.get(name, {})
            if name in own:
                entry = _replaced(entry, own[name])
            origins[section, name] = where
            sections[section][name] = validated(record, entry, where)
    return Catalogue.model_construct(None, **sections), origins


def _replaced(entry: Any, own: Any) -> Any:
    """An entry with an experiment's changes; a source is replaced as a whole, never mixed from two kinds."""
    if not isinstance(entry, Mapping) or not isinstance(own, Mapping):
        return own
    return merge({k: v for k, v in entry.items() if not (k == "source" and "source" in own)}, own)


def _normalised(raw: dict[str, Any], path: str) -> dict[str, Any]:
    """Short forms spelled out: lists of names, empty entries, method options beside `method`."""
    value = dict(raw)
    for key in ("tasks", "students", "methods"):
        entries = value.get(key)
        if isinstance(entries, list):
            value[key] = entries = {name: {} for name in _names(entries, f"{path}: {key}")}
        if isinstance(entries, dict):
            value[key] = {name: {} if entry is None else entry for name, entry in entries.items()}
        elif entries is not None:
            expected = "expected a list of names, or `name: changes` lines"
            raise ConfigError(f"{path}: {key}: found {shown(entries)}, {expected}")
    methods = value.get("methods")
    if isinstance(methods, dict):
        value["methods"] = {name: _method_entry(name, entry, path) for name, entry in methods.items()}
    return value


def _names(entries: list[Any], where: str) -> list[str]:
    for entry in entries:
        if not isinstance(entry, str):
            raise ConfigError(
                f"{where}: found {shown(entry)} in the list, expected names; for changes write `name: ...`"
            )
        if entries.count(entry) > 1:
            raise ConfigError(f"{where}: {entry} is named twice; remove one")
    return entries


def _method_entry(name: str, entry: Any, path: str) -> Any:
    if not isinstance(entry, dict):
        expected = "expected the method's options as `key: value` lines"
        raise ConfigError(f"{path}: methods.{name}: found {shown(entry)}, {expected}")
    own = {key: entry[key] for key in ("method", "training") if key in entry}
    options = {key: value for key, value in entry.items() if key not in own}
    return {"method": name, **own, "options": options}
