"""Plugins: modules of somebody's own that add datasets, networks, distillers, ways, figures and claims.

They do so by being imported, and use the decorators that the house uses itself. A module is looked for on Python's
path, in the working directory and in the copy of the book; processes and kernels that are started from here find it by
the same variable.
"""

from __future__ import annotations

import importlib
import os

from .errors import FOREIGN, InputError, one_line, quote
from .models.networks import know, widen_path

__all__ = ["ENVIRONMENT", "load", "use"]

ENVIRONMENT = "DISTILLED_PRUNING_PLUGINS"


def use(names: str) -> None:
    """Name the modules of this process and of those that it starts, comma-separated, and import them.

    Raises:
        InputError: As :func:`load`.
    """
    os.environ[ENVIRONMENT] = names
    load()


def load() -> None:
    """Import the modules that ``DISTILLED_PRUNING_PLUGINS`` names; those imported before cost nothing.

    Raises:
        InputError: There is no such module, it fails, or what is named is no module.
    """
    named = [name.strip() for name in os.environ.get(ENVIRONMENT, "").split(",") if name.strip()]
    if named:
        widen_path()
    for name in named:
        if name.endswith(".py") or "" in name.split(".") or "/" in name:
            raise InputError(
                f"{quote(name)} is no name of a plugin: name the module as package.module, without folders and .py"
            )
        try:
            know(importlib.import_module(name))
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _broken(name, error) from error
            raise InputError(
                f"there is no plugin {name!r}: put {name.replace('.', '/')}.py into this folder, install it, or leave "
                f"it out of {ENVIRONMENT}"
            ) from error
        except InputError as error:
            raise InputError(f"plugin {name} cannot be used: {error}") from error
        except FOREIGN as error:
            raise _broken(name, error) from error


def _broken(name: str, error: BaseException) -> InputError:
    return InputError(f"plugin {name} cannot be imported ({one_line(error)}): mend it")
