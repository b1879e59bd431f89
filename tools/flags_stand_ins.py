"""Stand-ins for packages that a flag dump needs to import, and not to run."""

from __future__ import annotations

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

# SGLang imports these while it declares its arguments. Of what is in them arguments only use
# `orjson.loads`.
_SGLANG_NEEDS = frozenset({"IPython", "orjson", "triton"})


PLANNER_NEEDS = (
    "aisimulate", "aisimulate_core", "deploy", "filterpy", "pandas", "plotly", "pmdarima",
    "prometheus_api_client", "prophet", "scipy", "sklearn", "tqdm", "matplotlib", "torch",
)  # fmt: skip
"""The planner and the profiler compute with these, and declare nothing with them."""


class _Anything(types.ModuleType):
    """A module that has every public name."""

    def __getattr__(self, name: str) -> MagicMock:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)


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
