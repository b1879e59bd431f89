"""Whether `python3 -m MODULE` would find its module, without importing any of it.

`importlib.util.find_spec` imports the parent packages; walking the path finders does not. A folder
earlier on PYTHONPATH wins as it would for the interpreter: `dynamo` is a namespace package, and
each of its folders is asked in order.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from dynamo_launch.config.wiring import ENGINES
from dynamo_launch.errors import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec


def require_module(module: str) -> None:
    """Check that `python3 -m module` finds something to run.

    Raises:
        NotInstalledError: It does not; the message says what to install or to write.
    """
    if _runnable(module):
        return
    package, _, name = module.partition(".")
    if package == "dynamo":
        wanted = f"ai-dynamo[{name}]" if name in ENGINES else "ai-dynamo"
        raise NotInstalledError(
            f"{module} is not installed in {sys.prefix}; run: pip install '{wanted}'"
        )
    raise NotInstalledError(f"{module}: {_own_module_advice(module)}")


def _own_module_advice(module: str) -> str:
    parent, _, name = module.rpartition(".")
    if _spec(module) is not None:
        return f"a package without __main__.py; add one, or name a module in it, {module}.NAME"
    if parent and name[:1].isupper() and _runnable(parent):
        return (
            f"no such module, but {parent} is one, and --component takes a module that runs as a "
            f"program; type: dynamo serve --component {parent}"
        )
    return "no such module here; run this from the folder that holds it, or set PYTHONPATH"


def _runnable(module: str) -> bool:
    spec = _spec(module)
    if spec is None:
        return False
    if spec.submodule_search_locations is None:
        return True
    return _spec(f"{module}.__main__") is not None


def _spec(module: str) -> ModuleSpec | None:
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        spec = _find(".".join(parts[:end]), path)
        if spec is None:
            return None
        if end < len(parts) and spec.submodule_search_locations is None:
            return None
        path = spec.submodule_search_locations
    return spec


def _find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Ask every finder; the started interpreter looks into the current folder first."""
    from importlib.machinery import PathFinder

    for finder in sys.meta_path:
        if finder is PathFinder:
            spec = PathFinder.find_spec(name, path or _child_path())
        else:
            spec = finder.find_spec(name, path)
        if spec is not None:
            return spec
    return None


def _child_path() -> list[str]:
    """Return the module search path of `python3 -m` started from here."""
    if sys.flags.safe_path:
        return sys.path
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib costs 5 ms of start-up
    except FileNotFoundError:  # The folder was deleted; the interpreter passes over it too.
        return sys.path[1:]
    return [here, *sys.path[1:]]
