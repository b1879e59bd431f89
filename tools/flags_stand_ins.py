"""Stand-ins for packages that a flag dump needs to import, and not to run."""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
import types
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# SGLang imports these while it declares its arguments. Of what is in them arguments only use
# `orjson.loads`.
_SGLANG_NEEDS = frozenset({"IPython", "orjson", "triton"})


PLANNER_NEEDS = (
    "aiconfigurator", "aiconfigurator_core", "aisimulate", "aisimulate_core", "circus", "deploy",
    "filterpy", "pandas", "plotly", "pmdarima",
    "prometheus_api_client", "prophet", "scipy", "sklearn", "tqdm", "matplotlib", "torch",
)  # fmt: skip
"""The planner and the profiler compute with these, and declare nothing with them."""


_ENGINES = frozenset({
    "IPython", "cupy", "kvbm", "lmcache", "llama_cpp", "modelexpress", "msgpack", "msgspec",
    "nixl", "orjson", "sglang", "tensorrt_llm", "torch", "torchvision", "triton", "vllm",
    "vllm_omni", "zmq",
})  # fmt: skip
"""What workers import; where a package is installed, it is used."""
_OWN_FLAGS = frozenset({"sglang", "tensorrt_llm", "vllm"})


class _Parser(argparse.ArgumentParser):
    """A parser of vLLM's, as far as declarations go."""


class _EngineArguments:
    """An engine's arguments, of which none is declared."""

    @staticmethod
    def add_cli_args(parser: argparse.ArgumentParser, **_options: bool) -> argparse.ArgumentParser:
        """Return the parser as it is."""
        return parser


class _BuildConfig:
    """TensorRT-LLM's defaults, which are in no package: the catalogs leave them empty."""

    max_batch_size = max_num_tokens = max_seq_len = max_beam_width = None
    model_fields = dict.fromkeys(
        ("max_batch_size", "max_num_tokens", "max_seq_len", "max_beam_width"),
        types.SimpleNamespace(default=None),
    )


_OF_ENGINES: dict[str, object] = {
    "BuildConfig": _BuildConfig,
    "FlexibleArgumentParser": _Parser,
    "AsyncEngineArgs": _EngineArguments,
    "ServerArgs": _EngineArguments,
}
"""What a stand-in for an engine has to do."""


class _AnyClass(type):
    """The type of classes that have every name."""

    def __getattr__(cls, name: str) -> MagicMock:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)


class _Anything(types.ModuleType):
    """A module that has every public name; what starts with a capital can be a base class."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _OF_ENGINES.get(name)
        if made is None:
            made = _AnyClass(name, (), {}) if name[0].isupper() else MagicMock(name=name)
        vars(self)[name] = made
        return made


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds stand-ins for a few packages that are not installed."""

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the finder protocol's
        target: types.ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a stand-in's spec; asked only after every real finder has failed."""
        if fullname.partition(".")[0] not in self._packages:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return a module that has every public name; orjson's parser is json's."""
        module = _Anything(spec.name)
        vars(module)["__version__"] = "0"
        if spec.name == "orjson":
            vars(module)["loads"] = json.loads
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing."""


def stand_in_for_sglang(wheel: str) -> None:
    """Make SGLang's wheel importable as it is, without the GPU packages it would install.

    Its argument declarations are plain Python; torch must be installed. SGLang itself is imported
    first, because Dynamo's gateway module would pull in the whole engine.
    """
    sys.path.insert(0, wheel)
    sys.meta_path.append(_Finder(_SGLANG_NEEDS))
    importlib.import_module("sglang.srt.server_args")
    sys.modules["dynamo.sglang.gateway"] = _Anything("dynamo.sglang.gateway")


def enter(site: Path) -> None:
    """Import the release of ai-dynamo that is installed in `site`, and no module of another."""
    sys.path.insert(0, str(site))
    importlib.import_module("dynamo").__path__ = [str(site / "dynamo")]


def stand_in_for_engines() -> None:
    """Let workers be imported without their engines, whose own flags are then left out.

    An engine that is installed here is of another release.
    """
    sys.meta_path.insert(0, _Finder(_OWN_FLAGS))
    sys.meta_path.append(_Finder(_ENGINES))


def stand_in_for(*packages: str) -> None:
    """Let packages that are not installed be imported; a declaration names them, and no more."""
    sys.meta_path.append(_Finder(frozenset(packages)))


def stand_in_for_tensorrt_llm() -> None:
    """Give `dynamo.trtllm` a `BuildConfig` whose defaults are None.

    TensorRT-LLM is in no package registry. Dynamo takes four defaults from it
    (`--max-batch-size`, `--max-num-tokens`, `--max-seq-len`, `--max-beam-width`); the catalog
    leaves them empty.
    """
    unknown = types.SimpleNamespace(default=None)
    fields = dict.fromkeys(
        ("max_batch_size", "max_num_tokens", "max_seq_len", "max_beam_width"), unknown
    )
    api = types.ModuleType("tensorrt_llm.llmapi")
    vars(api)["BuildConfig"] = types.SimpleNamespace(model_fields=fields)
    package = types.ModuleType("tensorrt_llm")
    vars(package)["llmapi"] = api
    sys.modules |= {"tensorrt_llm": package, "tensorrt_llm.llmapi": api}
