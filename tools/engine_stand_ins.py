"""Import an engine's module without its GPU packages: whatever is missing is stood in for.

An engine declares its arguments in plain Python, behind imports that need GPUs, packages or
versions of packages that are not here. An import that fails names what it failed on; the next
attempt, in a new process (registries remember the first), stands in for that as well.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import traceback
import types
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Missing(ImportError):  # noqa: N818 - says what it is
    """A module that cannot be imported, or lacks a name that is asked for."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class StandIn(type):
    """A class that is anything: it can be a base, a type, a decorator, a default, a context."""

    def __getattr__(cls, name: str) -> StandIn:
        """Return another one, as every public attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name)

    def __call__(cls, *args: object, **kwargs: object) -> object:
        """Return what is decorated, or itself."""
        if len(args) == 1 and not kwargs and isinstance(args[0], types.FunctionType | type):
            return args[0]
        return cls

    def __or__(cls, _other: object) -> StandIn:
        """Return itself, as in `A | None`."""
        return cls

    __ror__ = __or__

    def __getitem__(cls, _key: object) -> StandIn:
        """Return itself, as in `A[int]`."""
        return cls

    def __iter__(cls) -> Iterator[object]:
        """Return nothing to go through."""
        return iter(())

    def __bool__(cls) -> bool:
        """Return False: what is stood in for is not there."""
        return False

    def __lt__(cls, _other: object) -> bool:
        """Return False, as a version of a package that is not there."""
        return False

    __gt__ = __le__ = __ge__ = __lt__


def stand_in(name: str) -> StandIn:
    """Return a class that is anything."""
    return StandIn(name, (), {})


class _Anything(types.ModuleType):
    """A module that has every public name."""

    def __getattr__(self, name: str) -> StandIn:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins for modules, and for all that is in them."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = tuple(modules)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the finder protocol's
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if not any(f"{fullname}.".startswith(f"{module}.") for module in self._modules):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = _Anything(spec.name)
        if spec.name == "orjson":  # What SGLang reads its JSON arguments with.
            vars(module)["loads"] = json.loads
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing."""


def imported(module: str, stand_ins: Iterable[str]) -> types.ModuleType:
    """Return `module`, imported with stand-ins for other modules.

    A module of the engine itself that fails on a stand-in becomes missing too, as long as it is not
    the one that is asked for.

    Raises:
        Missing: something more has to be stood in for.
    """
    sys.meta_path.insert(0, _Finder(stand_ins))
    engine = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:  # Whatever a stand-in may lead to; it is raised again.
        absent = error.name if isinstance(error, ImportError) else None
        if absent is not None and absent.partition(".")[0] != engine:
            raise Missing(absent) from error
        inner = _running(error, engine)
        if inner == module:
            raise
        raise Missing(inner) from error


def _running(error: Exception, engine: str) -> str:
    """Return the module of the engine that was being imported when `error` came up."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    modules = [
        str(frame.f_globals["__name__"]) for frame in frames if frame.f_code.co_name == "<module>"
    ]
    return [module for module in modules if module.partition(".")[0] == engine][-1]
