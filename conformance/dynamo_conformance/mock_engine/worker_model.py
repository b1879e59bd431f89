"""The model of a mock worker: its name, its folder, and one that is made up where there is none."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_conformance.mock_engine import hub_cache
from dynamo_conformance.mock_engine.custom_worker_model import MODELS_VARIABLE, PATHS_VARIABLE
from dynamo_conformance.mock_engine.engine_refusal import StartFault
from dynamo_conformance.mock_engine.mock_model import context_length, make_local_model
from dynamo_conformance.mock_engine.mock_runtime import notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.mock_engine.worker_spec import WorkerSpec

_LONGEST_NAME = 100


def published_name(name: str, env: Mapping[str, str]) -> str:
    """Return the name that a model has in its manifest, when that is a path of the container."""
    try:
        paths: dict[str, str] = json.loads(env.get(PATHS_VARIABLE) or "{}")
    except json.JSONDecodeError:
        return name
    for here in sorted(paths, key=len, reverse=True):
        if name == here or name.startswith(f"{here}/"):
            return paths[here] + name.removeprefix(here)
    return name


def with_model(worker: WorkerSpec, env: Mapping[str, str]) -> WorkerSpec:
    """Return the worker with the longest sequence its model can take, unless it has a limit."""
    folder = find_model(worker.model, env)
    if folder is not None and env.get(MODELS_VARIABLE) and not (folder / "config.json").is_file():
        folder = None
    if folder is None and (models := env.get(MODELS_VARIABLE)):
        # Of several workers with one model, none reads what another one still writes.
        folder = Path(models) / str(os.getpid()) / _folder_name(worker.model)
        make_local_model(folder, name=worker.served_name)
        notice(f"model {worker.model} is made up")
        worker = replace(worker, model=str(folder))
    elif folder is None and env.get("HF_HOME") and env.get("HF_HUB_OFFLINE") == "1":
        home = Path(env["HF_HOME"])
        raise StartFault(
            f'model "{worker.model}" is neither a folder nor in the hub cache {home}'
            f"{did_you_mean(worker.model, hub_cache.models(home))}"
        )
    if folder is None or worker.max_model_len is not None:
        return worker
    return replace(worker, max_model_len=context_length(folder))


def find_model(model: str, env: Mapping[str, str]) -> Path | None:
    """Return the folder of a model's files, or None when it is not on this machine."""
    try:
        if Path(model).is_dir():
            return Path(model)
    except (OSError, ValueError):
        return None  # No path can be so long.
    home = env.get("HF_HOME")
    return hub_cache.find(Path(home), model) if home is not None else None


def _folder_name(model: str) -> str:
    """Return the name of the folder that is made for a model, whatever characters its id has."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "--", model.strip("/").replace("/", "--"))
    if name.strip(".-") and name == model.strip("/").replace("/", "--")[:_LONGEST_NAME]:
        return name
    digest = hashlib.sha256(model.encode(errors="surrogateescape")).hexdigest()[:16]
    return f"{name[:_LONGEST_NAME].strip('.-')}-{digest}".lstrip("-")
