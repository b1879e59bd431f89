"""What modules refuse: every entry of the table against the module's own source and parser."""

from __future__ import annotations

import argparse
import ast
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.engines import catalog, conflicts

if TYPE_CHECKING:
    from dynamo_conformance.engines.conflicts import FlagConflict

ENTRIES = [
    (module, conflict) for module in catalog.modules() for conflict in conflicts.load(module)
]
REQUIRED = {"dynamo.sglang": ["--model-path", "m"]}
ENGINES_TOO = re.compile(r"/(vllm|sglang)/args\.py|/trtllm/|--enable-lora")
"""Checks that look at the engine's own arguments: those engines are not installed here."""

OWN = [
    (module, one)
    for module, one in ENTRIES
    if module != "dynamo.trtllm" and not ENGINES_TOO.search(" ".join((one.source, *one.example)))
]
SPAN = 22
"""How many lines the words of a check take at most."""


def name(entry: object) -> str:
    return entry if isinstance(entry, str) else " ".join(getattr(entry, "example", ()))


def environment(conflict: FlagConflict) -> dict[str, str]:
    return {
        variable: "8081" if wanted == "port" else "true"
        for variable, wanted in conflict.variables.items()
    }


@pytest.mark.parametrize(("module", "conflict"), ENTRIES, ids=name)
def test_an_example_is_refused_in_the_modules_words(module: str, conflict: FlagConflict) -> None:
    words = [*REQUIRED.get(module, []), *conflict.example]
    arguments = catalog.load(module).parse(words, env=environment(conflict))
    found = [one for one in conflicts.refused(arguments) if one.conflict is conflict]
    assert len(found) == 1
    assert "{" not in found[0].message


@pytest.mark.parametrize(("module", "conflict"), ENTRIES, ids=name)
def test_nothing_is_refused_without_what_makes_the_conflict(
    module: str, conflict: FlagConflict
) -> None:
    words = [*REQUIRED.get(module, []), *(["--endpoint", "a.b.c"] if "router" in module else [])]
    if module == "dynamo.mocker":
        words += ["--model-path", "m"]
    arguments = catalog.load(module).parse(words)
    assert conflict not in [one.conflict for one in conflicts.refused(arguments)]


@pytest.mark.parametrize(("module", "conflict"), ENTRIES, ids=name)
def test_the_source_says_it_there(module: str, conflict: FlagConflict) -> None:
    """Line numbers are those of the release; words that the source puts together are left out."""
    package = find_spec("dynamo.common")
    assert package is not None
    assert package.origin is not None
    file, line = conflict.source.rsplit(":", 1)
    source = (Path(package.origin).parents[2] / file).read_text(encoding="utf-8")
    near = range(int(line) - 3, int(line) + SPAN)
    told = " ".join(
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.lineno in near
    )
    longest = max(re.split(r"\{\w+\}|--[\w=-]+|DYN_\w+|\d+", conflict.says), key=len).strip(" .'\"")
    assert longest in told, f"{module}: {conflict.source}"


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(("module", "conflict"), OWN, ids=name)
def test_the_modules_own_parser_refuses_it_so(
    module: str,
    conflict: FlagConflict,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = catalog.load(module).parse(
        [*REQUIRED.get(module, []), *conflict.example], env=environment(conflict)
    )
    said = next(one.message for one in conflicts.refused(arguments) if one.conflict is conflict)
    for variable, value in environment(conflict).items():
        monkeypatch.setenv(variable, value)
    with pytest.raises((ValueError, SystemExit)) as refusal:
        validate(module, list(conflict.example))
    words = capsys.readouterr().err if conflict.how == "usage" else str(refusal.value)
    assert said in words
    if conflict.how == "usage":
        assert getattr(refusal.value, "code", None) == 2


def validate(module: str, words: list[str]) -> None:
    """Read words as the module does, and make its checks."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    if module == "dynamo.frontend":
        from dynamo.frontend.frontend_args import FrontendArgGroup, FrontendConfig

        FrontendArgGroup().add_arguments(parser)
        FrontendConfig.from_cli_args(parser.parse_args(words)).validate()
    elif module == "dynamo.router":
        from dynamo.router.args import parse_args as parse_router

        parse_router(words)
    elif module == "dynamo.mocker":
        from dynamo.mocker.args import parse_args as parse_mocker

        parse_mocker(words)
    else:
        validate_worker(module, parser, words)


def validate_worker(module: str, parser: argparse.ArgumentParser, words: list[str]) -> None:
    from dynamo.common.configuration.groups.runtime_args import (
        DynamoRuntimeArgGroup,
        DynamoRuntimeConfig,
    )

    if module == "dynamo.vllm":
        from dynamo.vllm.backend_args import DynamoVllmArgGroup as Group
        from dynamo.vllm.backend_args import DynamoVllmConfig as Own
    else:
        from dynamo.sglang.backend_args import DynamoSGLangArgGroup as Group
        from dynamo.sglang.backend_args import DynamoSGLangConfig as Own

    class Config(DynamoRuntimeConfig, Own):  # type: ignore[misc]
        def validate(self) -> None:
            DynamoRuntimeConfig.validate(self)
            Own.validate(self)

    DynamoRuntimeArgGroup().add_arguments(parser)
    Group().add_arguments(parser)
    namespace, _rest = parser.parse_known_args(words)
    Config.from_cli_args(namespace).validate()
