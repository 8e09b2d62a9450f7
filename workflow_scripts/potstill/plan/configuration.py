"""All of the configuration, read and checked on its own: main file, catalogues, experiment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from potstill.errors import ConfigError
from potstill.plan.catalogue import Catalogue, DatasetEntry, ModelEntry, TaskEntry
from potstill.plan.experiment import Experiment, MainConfig
from potstill.plan.read import merge, read_extending, read_yaml, validated
from potstill.plan.specs.figure import FigureSettings

_ENTRIES = {"models": ModelEntry, "datasets": DatasetEntry, "tasks": TaskEntry}


@dataclass(frozen=True)
class Configuration:
    """What the YAML files say. `path` is the experiment's file, which leads the messages about it."""

    main: MainConfig
    path: Path
    experiment: Experiment
    catalogue: Catalogue
    figures: dict[str, FigureSettings]

    @property
    def name(self) -> str:
        """The experiment's name, and its folder's below the results."""
        return self.main.experiment


def load_configuration(folder: Path, main: Mapping[str, Any]) -> Configuration:
    """Read everything that the experiment named by `main` needs.

    Args:
        folder: the `config/` folder.
        main: `config.yaml` with what `--config` changed for this call.

    Raises:
        ConfigError: with file, key path, what was found and what is allowed, for every record that is wrong.
    """
    settings = validated(MainConfig, dict(main), f"{folder / 'config.yaml'} or --config")
    path = folder / "experiments" / f"{settings.experiment}.yaml"
    raw = read_extending(path)
    experiment = validated(Experiment, _normalised(raw, path), str(path))
    figures = {
        name: validated(FigureSettings, entry, f"{folder / 'figures.yaml'}: {name}")
        for name, entry in read_yaml(folder / "figures.yaml").items()
    }
    return Configuration(settings, path, experiment, _catalogue(folder, experiment, path), figures)


def _catalogue(folder: Path, experiment: Experiment, path: Path) -> Catalogue:
    """The catalogues' entries, with the experiment's own merged over those of the same name.

    Only the named entries are validated strictly here, all of them: a broken line in a catalogue is an error even if this
    experiment does not use it.
    """
    sections: dict[str, dict[str, Any]] = {}
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
            sections[section][name] = validated(record, entry, where)
    return Catalogue.model_construct(**sections)


def _replaced(entry: Any, own: Any) -> Any:
    """An entry with an experiment's changes; a source is replaced as a whole, never mixed from two kinds."""
    if not isinstance(entry, Mapping) or not isinstance(own, Mapping):
        return own
    return merge({k: v for k, v in entry.items() if not (k == "source" and "source" in own)}, own)


def _normalised(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """Short forms spelled out: lists of tasks and students, empty entries, method options beside `method`."""
    value = dict(raw)
    for key in ("tasks", "students"):
        names = value.get(key)
        if isinstance(names, list):
            repeated = sorted({str(n) for n in names if names.count(n) > 1})
            if repeated:
                raise ConfigError(f"{path}: {key}: {', '.join(repeated)} is named twice")
            value[key] = {str(name): {} for name in names}
        elif isinstance(names, dict):
            value[key] = {name: {} if entry is None else entry for name, entry in names.items()}
    methods = value.get("methods")
    if isinstance(methods, list):
        methods = {str(name): {} for name in methods}
    if isinstance(methods, dict):
        value["methods"] = {name: _method_entry(str(name), entry, path) for name, entry in methods.items()}
    return value


def _method_entry(name: str, entry: Any, path: Path) -> Any:
    if entry is None:
        entry = {}
    if not isinstance(entry, dict):
        raise ConfigError(f"{path}: methods.{name}: found {entry!r}, expected the method's options as `key: value` lines")
    own = {key: entry[key] for key in ("method", "training") if key in entry}
    options = {key: value for key, value in entry.items() if key not in own}
    return {"method": name, **own, "options": options}
