"""Sources on this machine: where they lie, and the digest that stands for them in a spec."""

import os
from pathlib import Path

from potstill.digest import path_digest
from potstill.errors import ConfigError, PotstillError
from potstill.plan.configuration import Configuration
from potstill.plan.specs.source import LocalSource


def locate(source: LocalSource, configuration: Configuration, where: str) -> Path:
    """Where a local source lies: absolute, relative to the project (`./...`), or to the `data` folder of config.yaml.

    `where` leads the message: the file and the key of the entry.

    Raises:
        ConfigError: nothing is there.
    """
    folder = "" if source.path.startswith("./") else configuration.main.data
    path = Path(folder, os.path.expanduser(source.path))
    if not path.exists():
        raise ConfigError(
            f"{where}: source.path: {source.path}: there is no {path}; put it there"
            + (f", or name the folder that holds it with --config data=FOLDER (now: {folder})" if folder else "")
        )
    return path


def content_digest(source: LocalSource, configuration: Configuration, where: str) -> LocalSource:
    """The source as it stands in a spec: its name and the digest of its content, not where it lies.

    Digests are remembered beside the results by path, size and time of change, so that planning stays quick.
    """
    path = locate(source, configuration, where)
    try:
        digest = path_digest(path, cache=Path(configuration.main.results, ".digests.json"))
    except PotstillError as error:
        raise ConfigError(f"{where}: source.path: {source.path}: {error}") from None
    return LocalSource(path=path.name, sha256=digest)
