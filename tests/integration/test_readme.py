"""Every command of a README is run here, or is on a short, explained list."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from test_up import read_until

from conformance.report.catalogue.commands import commands as commands_of
from conftest import REPOSITORY, SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Workshop

READMES = (
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "examples" / "llm").glob("*/README.md")),
    REPOSITORY / "docs" / "lint.md",
)
ELSEWHERE = {
    "kubectl ": "needs a cluster with the Dynamo operator",
    "pip install uv": "tox brings uv",
    "UV_OVERRIDE=": "tox installs the package with this extra, and the same overrides",
    "dynamo COMMAND --help": "a pattern, no command",
    "pytest --dynamo-changed-since": "test_plugin.py runs it in a repository of its own",
    "python3 -m dynamo.vllm": "what the mock engine stands for, not something to type",
}
"""What is not run here, and why."""


def commands() -> list[str]:
    """Return the commands of all READMEs."""
    texts = (path.read_text(encoding="utf-8") for path in READMES)
    return list(dict.fromkeys(one for text in texts for one in commands_of(text)))


def matching(start: str) -> list[str]:
    return [one for one in commands() if one.startswith(start)]


def run(words: list[str], *, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_every_command_is_run_somewhere() -> None:
    handled = (
        "python3 -m pip ",
        "python3 -m tox ",
        "dynamo lint ",
        "dynamo convert ",
        "dynamo up ",
        "dynamo serve ",
        "examples/",
        "pytest ",
        "curl ",
    )
    known = (*handled, *ELSEWHERE)
    names = {
        "dynamo lint",
        "dynamo convert",
        "dynamo up",
        "dynamo serve",
        "dynamo run",
        "dynamo build",
    }
    left = [one for one in commands() if not one.startswith(known) and one not in names]
    assert left == []
    assert all(matching(start) for start in ELSEWHERE)


@pytest.mark.parametrize("command", [*matching("python3 -m pip"), *matching("python3 -m tox")])
def test_ci_runs_the_two_commands(command: str) -> None:
    ran = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    whole = command in ran
    part_of_one = any(command in other for other in matching("python3 -m pip") if other in ran)
    assert whole or part_of_one


@pytest.mark.parametrize("command", matching("dynamo lint "))
def test_lint_commands_find_no_error(command: str, workshop: Workshop) -> None:
    words = shlex.split(command.replace("lint.json", f"{workshop.folder}/lint.json"))
    ended = run(words, env=workshop.environment)
    assert ended.returncode == 0, ended.stdout
    assert " checked: " in ended.stdout or "--prerequisites" in command


@pytest.mark.parametrize("command", matching("dynamo convert "))
def test_convert_commands_print_a_manifest(command: str, workshop: Workshop) -> None:
    ended = run(shlex.split(command), env=workshop.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"apiVersion: nvidia.com/{shlex.split(command)[-1]}\n" in ended.stdout


@pytest.mark.parametrize("command", matching("dynamo serve "))
def test_serve_commands_are_understood(command: str, workshop: Workshop) -> None:
    ended = run([*shlex.split(command), "--dry-run"], env=workshop.environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("python3 -m dynamo.")


@pytest.mark.parametrize("command", matching("examples/"))
def test_scripts_are_there_and_explain_themselves(command: str, workshop: Workshop) -> None:
    ended = run([command, "--help"], env=workshop.environment)
    assert ended.returncode == 0
    assert "DYN_HTTP_PORT" in ended.stdout


@pytest.mark.parametrize(
    "command", [one for one in matching("pytest ") if not one.startswith(tuple(ELSEWHERE))]
)
def test_pytest_commands_collect_checks(command: str, workshop: Workshop) -> None:
    words = shlex.split(command.replace("path/to/my.yaml", str(workshop.changed("k8s/agg.yaml"))))
    ended = run([sys.executable, "-m", *words, "--collect-only", "-q"], env=workshop.environment)
    assert ended.returncode == 0, ended.stdout
    assert "agg.yaml::" in ended.stdout


@pytest.mark.parametrize("command", matching("dynamo up "))
def test_up_commands_answer_the_curl_lines(command: str, workshop: Workshop) -> None:
    manifest = REPOSITORY / shlex.split(command)[2]
    process = workshop.start("up", str(manifest))
    url = read_until(process, "answers as")[-1].split()[-1].removesuffix("/v1")
    lines = matching("curl ")
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line.replace("localhost:8000", url))
        ended = run([*words, "--silent", "--fail"], env=workshop.environment)
        assert ended.returncode == 0, (line, ended.stdout)
        assert "Qwen/Qwen3-0.6B" in ended.stdout


DOCUMENTS = [
    *REPOSITORY.glob("*.md"),
    *(REPOSITORY / "docs").glob("*.md"),
    *(REPOSITORY / "examples").rglob("*.md"),
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []
