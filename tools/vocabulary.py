"""Make the vocabulary of one Dynamo release: what can be started, and which variables are read.

Run it where ai-dynamo is installed; KVBM and vLLM are wheels of their own, which the published
images hold (`tools/older_releases.py` does it for the older releases, and leaves connectors out):

    python tools/vocabulary.py --kvbm-wheel WHEEL --vllm-wheel WHEEL --date 2026-11-24 \
        --out conformance/dynamo_conformance/engines/data

A module can be started when it is a package with `__main__`, or says `if __name__ == "__main__"`.
Variables come from the strings of the Python sources (docstrings and help included) and of the
native libraries. A native library holds its strings end to end, so a name's end is only certain
where the next name begins; the others are kept apart, as `ragged`. vLLM's connectors are those
that its two factories register; any other needs a module path.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAME = re.compile(r"(?<![A-Z0-9_])DYN_[A-Z0-9_]*[A-Z0-9]")
_PREFIX = re.compile(r"DYN_[A-Z0-9_]+_$")
_RUN = re.compile(rb"[A-Z0-9_]*DYN_[A-Z0-9_]+")
_NEXT = re.compile(r"(?=DYN_)")
_JUNK = 3
"""How many letters of the string behind it a name can seem to end in."""

FACTORIES = {
    "kv_connectors": "vllm/distributed/kv_transfer/kv_connector/factory.py",
    "ec_connectors": "vllm/distributed/ec_transfer/ec_connector/factory.py",
}

_OPERATOR = (
    "DYN_COMPONENT", "DYN_DISCOVERY_BACKEND", "DYN_FORWARDPASS_METRIC_PORT",
    "DYN_HEALTH_CHECK_ENABLED", "DYN_HTTP_PORT", "DYN_KUBE_DISCOVERY_MODE", "DYN_NAMESPACE",
    "DYN_NAMESPACE_PREFIX", "DYN_NAMESPACE_PREFIX_STRICT", "DYN_NAMESPACE_WORKER_SUFFIX",
    "DYN_PARENT_DGD_K8S_NAME", "DYN_PARENT_DGD_K8S_NAMESPACE", "DYN_SYSTEM_ENABLED",
    "DYN_SYSTEM_PORT", "DYN_SYSTEM_USE_ENDPOINT_HEALTH_STATUS",
)  # fmt: skip
"""What the operator gives containers by itself; an author may override it."""


class Vocabulary:
    """The names found so far."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.names = set(_OPERATOR)
        self.prefixes: set[str] = set()
        self.ragged: set[str] = set()

    def python(self, source: str, module: str) -> None:
        """Take in one Python file."""
        tree = ast.parse(source)
        if module.endswith(".__main__"):
            self.modules.add(module.removesuffix(".__main__"))
        elif _has_main_guard(tree):
            self.modules.add(module)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.names.update(_NAME.findall(node.value))
            elif isinstance(node, ast.JoinedStr):
                self.prefixes.update(_prefixes(node))

    def native(self, content: bytes) -> None:
        """Take in one native library."""
        for run in _RUN.findall(content):
            pieces = [piece for piece in _NEXT.split(run.decode()) if piece.startswith("DYN_")]
            for piece in pieces:
                if piece.endswith("_"):
                    self.prefixes.add(piece)
                elif piece is pieces[-1]:
                    self.ragged.add(piece)
                else:
                    self.names.add(piece)
        self.prefixes.discard("DYN_")

    def uncertain(self) -> list[str]:
        """Return the ragged names that no certain one explains."""
        return sorted(name for name in self.ragged - self.names if not self._explained(name))

    def lists(self) -> dict[str, list[str]]:
        """Return what was found, by what the file calls it."""
        return {
            "modules": sorted(name for name in self.modules if name.startswith("dynamo.")),
            "variables": sorted(self.names),
            "prefixes": sorted(self.prefixes),
            "ragged": self.uncertain(),
        }

    def _explained(self, ragged: str) -> bool:
        """Return whether it is a certain name with junk behind it, or one cut off inside a word."""
        return any(
            (name.startswith(ragged) and name[len(ragged) : len(ragged) + 1] != "_")
            or (ragged.startswith(name) and len(ragged) - len(name) <= _JUNK)
            for name in self.names
        )


def _has_main_guard(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.If) and "__name__" in ast.dump(node.test) for node in tree.body)


def _prefixes(node: ast.JoinedStr) -> Iterator[str]:
    """Yield the beginnings of names that a program completes: f"DYN_RELAY_{key}"."""
    for part in node.values:
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield from _PREFIX.findall(part.value)


def of_folders(folders: Iterable[Path]) -> dict[str, list[str]]:
    """Return modules, variables, prefixes and ragged variables of what is installed in folders."""
    vocabulary = Vocabulary()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not _is_test(name):
                _take(vocabulary, name, path.read_bytes())
    return vocabulary.lists()


def _installed(vocabulary: Vocabulary) -> None:
    for package in ("ai-dynamo", "ai-dynamo-runtime"):
        for file in metadata.files(package) or ():
            path = Path(str(file.locate()))
            if not _is_test(str(file)) and file.parts[0] == "dynamo":
                _take(vocabulary, str(file), path.read_bytes())


def _wheel(vocabulary: Vocabulary, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not _is_test(name):
                _take(vocabulary, name, archive.read(name))


def _take(vocabulary: Vocabulary, name: str, content: bytes) -> None:
    if name.endswith(".py"):
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        vocabulary.python(content.decode("utf-8"), module)
    elif name.endswith(".so"):
        vocabulary.native(content)


def _registered(wheel: Path, factory: str) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return registered(archive.read(factory))


def registered(source: bytes) -> list[str]:
    """Return the names that a factory of vLLM registers connectors by."""
    tree = ast.parse(source)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sorted(
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "register_connector"
        and isinstance(call.args[0], ast.Constant)
    )


def _is_test(name: str) -> bool:
    return "/tests/" in name or name.rpartition("/")[2].startswith("test_")


def _name(wheel: Path) -> str:
    name, version = wheel.name.split("-")[:2]
    return f"{name.replace('_', '-')} {version}"


def main() -> None:
    """Write `vocabulary-<release>.json` into the output folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kvbm-wheel", type=Path, required=True)
    parser.add_argument("--vllm-wheel", type=Path, required=True)
    parser.add_argument("--date", required=True, help="the day of the dump, YYYY-MM-DD")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    vocabulary = Vocabulary()
    _installed(vocabulary)
    _wheel(vocabulary, options.kvbm_wheel)
    release = metadata.version("ai-dynamo")
    source = [f"{name} {metadata.version(name)}" for name in ("ai-dynamo", "ai-dynamo-runtime")]
    data = {
        "release": release,
        "source": [*source, *(_name(wheel) for wheel in (options.kvbm_wheel, options.vllm_wheel))],
        "date": options.date,
        **vocabulary.lists(),
        **{key: _registered(options.vllm_wheel, path) for key, path in FACTORIES.items()},
    }
    target = options.out / f"vocabulary-{release}.json"
    target.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
