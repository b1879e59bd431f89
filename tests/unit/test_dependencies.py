"""What is imported is declared, bounded, and public where packages say what is."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kr8s._auth import KubeAuth
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = {
    "": PROJECT["dependencies"],
    **PROJECT["optional-dependencies"],
}
OURS = ("conformance/dynamo_conformance", "launch/dynamo_launch")

BASE, SERVED = ("",), ("local", "cluster")
ROOMS: dict[str, tuple[str, ...]] = {
    "dynamo_launch": BASE,
    "dynamo_conformance": SERVED,
    "dynamo_conformance.api": BASE,
    "dynamo_conformance.convert": BASE,
    "dynamo_conformance.upgrade": BASE,
    "dynamo_conformance.engines": BASE,
    "dynamo_conformance.images": ("kind",),
    "dynamo_conformance.lint": BASE,
    "dynamo_conformance.manifest": BASE,
    "dynamo_conformance.mock_engine": ("local",),
    "dynamo_conformance.operator": ("operator",),
    "dynamo_conformance.operator.installation.certificate": ("kind",),
    "dynamo_conformance.probes": ("probe",),
    # Workers are asked where graphs are served.
    "dynamo_conformance.probes.areas.graph": SERVED,
    "dynamo_conformance.rendering": BASE,
    "dynamo_conformance.kube": ("cluster",),
    "dynamo_conformance.kube.client": ("cluster", "operator"),
    "dynamo_conformance.kube.errors": BASE,
    "dynamo_conformance.kube.resources": BASE,
    "dynamo_conformance.kube.labels": BASE,
    "dynamo_conformance.ledger": SERVED,
    "dynamo_conformance.runtimes": ("local",),
    "dynamo_conformance.targets": SERVED,
    "dynamo_conformance.targets.cluster": ("cluster",),
    "dynamo_conformance.targets.compose": ("local",),
    "dynamo_conformance.targets.kind": ("kind",),
    "dynamo_conformance.targets.local": ("local",),
}
"""The extras with which the modules of a room work; each of them must bring what they import."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            # These run beside an engine alone, in its image or its environment.
            if "overlay" not in path.parts and path.stem != "make_weights":
                name = ".".join(path.relative_to((ROOT / package).parent).with_suffix("").parts)
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def imported(node: ast.AST) -> Iterator[str]:
    """Yield what is imported when the program runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (one.name for one in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
        yield from imported(child)


def foreign(tree: ast.Module) -> set[str]:
    known = {*sys.stdlib_module_names, *(Path(one).name for one in OURS)}
    return {name for name in imported(tree) if name.partition(".")[0] not in known}


def declared(extra: str) -> set[str]:
    """Return the distributions that an extra brings, with those of the base install."""
    found = {Requirement(one).name for one in EXTRAS[""]}
    for one in EXTRAS[extra]:
        requirement = Requirement(one)
        found.add(requirement.name)
        for other in requirement.extras:
            found |= declared(other)
    return found


def room_of(module: str) -> str:
    return max((one for one in ROOMS if f"{module}.".startswith(f"{one}.")), key=len)


def test_whatever_is_imported_is_declared_where_it_is_needed() -> None:
    distributions = packages_distributions()
    missing = {
        f"{module} imports {name}, which the extra {extra!r} does not bring"
        for module, tree in modules()
        for name in foreign(tree)
        for extra in ROOMS[room_of(module)]
        if not {canonicalize_name(one) for one in distributions.get(name.partition(".")[0], ())}
        & declared(extra)
    }
    assert missing == set()


@pytest.mark.parametrize("text", sorted({one for each in EXTRAS.values() for one in each}), ids=str)
def test_every_dependency_ends_before_the_version_that_may_change_it(text: str) -> None:
    requirement = Requirement(text)
    bounds = [one.operator for one in requirement.specifier]
    assert requirement.name == "dynamo-conformance" or {"<", "<=", "=="} & {*bounds}


def test_what_others_keep_to_themselves_is_used_in_one_place() -> None:
    private = re.compile(r"\._[a-z]|^_[a-z]")
    imports = {
        f"{module} imports {name}"
        for module, tree in modules()
        for name in foreign(tree)
        if private.search(name) and name != "dynamo._core"
    }
    assert imports == {"dynamo_conformance.kube.kubeconfig imports kr8s._auth"}
    marked = {
        path.relative_to(ROOT).as_posix()
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if "noqa: SLF001" in path.read_text(encoding="utf-8")
    }
    # It is the standard library's argparse.
    assert marked == {"launch/dynamo_launch/deploy/deploy_command.py"}


def test_kr8s_still_reads_credentials_as_we_ask_it_to(tmp_path: Path) -> None:
    server, token = "https://127.0.0.1:1", "secret"
    cluster = {"server": server, "proxy-url": "http://proxy:1", "tls-server-name": "name"}
    config = {
        "current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config), encoding="utf-8")

    async def read() -> KubeAuth:
        auth = KubeAuth(kubeconfig=str(path), context="one", namespace="default", serviceaccount="")
        await auth.reauthenticate()
        assert await auth.ssl_context() is True  # type: ignore[no-untyped-call]
        return auth

    auth = asyncio.run(read())
    assert (auth.server, auth.token, auth.proxy) == (server, token, "http://proxy:1")
    assert auth.tls_server_name == "name"
