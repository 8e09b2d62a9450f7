"""The methods as the plan sees them: options, the teacher's targets they need, where they cannot serve. No torch here.

One file a method, found by its name. Each has

- `Options`: a frozen record of its options, one value each (a grid is expanded before);
- `splits(options, task_kind)`: the splits it trains on;
- `targets(options, task_kind)`: the teacher's targets it needs;
- `variant(options)`: what tells one point of its grid from another, in a file name's letters; `-` for the defaults;
- `refusal(options, task_kind, same_tokenizer, student, teacher)`: why it cannot serve this task and these architectures
  (`teacher` None: there is none), and what can; None when it can.

`potstill/methods/<name>.py` has the loss.
"""

import difflib
import importlib
import pkgutil
from types import ModuleType

from potstill.errors import ConfigError


def names() -> list[str]:
    """The methods there are: one a file of this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def load(name: str) -> ModuleType:
    """The module of the method `name`.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"Did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"unknown method {name!r}. {hint}There are: {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")
