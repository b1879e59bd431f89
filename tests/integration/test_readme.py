"""Every command of a README is run here, or is on a short, explained list."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from test_up import read_until

from catalogue.commands import commands as commands_of
from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from right_server import MODEL, RightServer, on_port
from sandbox import REPOSITORY, SECONDS, WITHOUT

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

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
    "dynamo serve graphs.": "Dynamo 0.3.1's, and today's answers with the line to type",
    "pytest --dynamo-changed-since": "test_plugin.py runs it in a repository of its own",
    "python3 -m dynamo.vllm": "what the mock engine stands for, not something to type",
    "docker compose -f examples/": "as typed it needs GPUs; tox -e compose runs these files",
    "docker run ": "what people typed for the legacy engine, whose image and GPUs it needs",
    "curl -X POST localhost:8081/v1/loras": "loads an adapter, which the mock engine does not",
}
"""What is not run here, and why."""


def commands_in(path: Path) -> tuple[str, ...]:
    """Return the commands of a README."""
    return commands_of(path.read_text(encoding="utf-8"))


def commands() -> list[str]:
    """Return the commands of all READMEs."""
    return list(dict.fromkeys(one for path in READMES for one in commands_in(path)))


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
        "dynamo upgrade ",
        "dynamo convert ",
        "dynamo deploy ",
        "dynamo up ",
        "dynamo serve ",
        "dynamo probe ",
        "examples/",
        "pytest ",
        "curl ",
    )
    known = (*handled, *ELSEWHERE)
    names = {
        "dynamo lint",
        "dynamo upgrade",
        "dynamo convert",
        "dynamo deploy",
        "dynamo up",
        "dynamo serve",
        "dynamo probe",
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
def test_lint_commands_find_no_error(command: str, sandbox: Sandbox) -> None:
    words = shlex.split(command.replace("lint.json", f"{sandbox.folder}/lint.json"))
    ended = run(words, env=sandbox.environment)
    assert ended.returncode == 0, ended.stdout
    assert " checked: " in ended.stdout or "--prerequisites" in command


@pytest.mark.parametrize("command", matching("dynamo upgrade "))
def test_upgrade_commands_are_ready(command: str, sandbox: Sandbox) -> None:
    ended = run(shlex.split(command), env=sandbox.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\nready for 1.6.1 (operator 1.5): yes" in ended.stdout


@pytest.mark.parametrize("command", matching("dynamo convert "))
def test_convert_commands_print_a_manifest(command: str, sandbox: Sandbox) -> None:
    ended = run(shlex.split(command), env=sandbox.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"apiVersion: nvidia.com/{shlex.split(command)[-1]}\n" in ended.stdout


@pytest.mark.parametrize("command", matching("dynamo deploy "))
def test_deploy_commands_write(command: str, sandbox: Sandbox) -> None:
    out = sandbox.folder / "out"
    ended = run([*shlex.split(command), "--out-dir", str(out)], env=sandbox.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{out}/")


@pytest.mark.parametrize(
    "command",
    [one for one in matching("dynamo serve ") if not one.startswith(tuple(ELSEWHERE))],
)
def test_serve_commands_are_understood(command: str, sandbox: Sandbox) -> None:
    ended = run([*shlex.split(command), "--dry-run"], env=sandbox.environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("python3 -m dynamo.")


@pytest.mark.parametrize("command", matching("dynamo probe "))
def test_probe_commands_judge(command: str, sandbox: Sandbox) -> None:
    with on_port(RightServer().reply) as url:
        words = shlex.split(command.replace("http://127.0.0.1:8000", url))
        ended = run(words, env=sandbox.environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"{MODEL} at {url}")


@pytest.mark.parametrize("command", matching("examples/"))
def test_scripts_are_there_and_explain_themselves(command: str, sandbox: Sandbox) -> None:
    ended = run([command, "--help"], env=sandbox.environment)
    assert ended.returncode == 0
    assert "DYN_HTTP_PORT" in ended.stdout


@pytest.mark.parametrize(
    "command", [one for one in matching("pytest ") if not one.startswith(tuple(ELSEWHERE))]
)
def test_pytest_commands_collect_checks(command: str, sandbox: Sandbox) -> None:
    words = shlex.split(command.replace("path/to/my.yaml", str(sandbox.changed("k8s/agg.yaml"))))
    ended = run(
        [sys.executable, "-m", *words, *WITHOUT, "--collect-only", "-q"], env=sandbox.environment
    )
    assert ended.returncode == 0, ended.stdout
    # An address and a graph of a cluster need no file.
    places = {"--dynamo-url": "url::", "--dynamo-existing": "GRAPH::cluster::"}
    place = next((place for option, place in places.items() if option in words), ".yaml::")
    assert place in ended.stdout


def questions(readme: Path, model: str) -> list[str]:
    """Return the curl lines of a README that are for the graph of a model."""
    found = [one for one in commands_in(readme) if one.startswith("curl ")]
    asked = [one for one in found if model in one or one.endswith("/v1/models")]
    return [one for one in asked if not one.startswith(tuple(ELSEWHERE))]


UPS = [
    (readme, command)
    for readme in READMES
    for command in commands_in(readme)
    if command.startswith("dynamo up ")
]


@pytest.mark.parametrize(("readme", "command"), UPS, ids=[command for _, command in UPS])
def test_up_commands_answer_the_curl_lines(readme: Path, command: str, sandbox: Sandbox) -> None:
    manifest = REPOSITORY / shlex.split(command)[2]
    process = sandbox.start("up", str(manifest))
    said = read_until(process, "answers as")[-1].split()
    model, url = said[said.index("as") + 1], said[-1].removesuffix("/v1")
    for line in questions(readme, model):
        words = shlex.split(line.replace("localhost:8000", url))
        ended = run([*words, "--silent", "--fail"], env=sandbox.environment)
        assert ended.returncode == 0, (line, ended.stdout)
        assert model in ended.stdout


def test_every_curl_line_is_for_a_graph_that_is_brought_up() -> None:
    served = {
        readme: {model_of(command) for where, command in UPS if where == readme}
        for readme, _ in UPS
    }
    asked = {
        line
        for readme, models in served.items()
        for model in models
        for line in questions(readme, model)
    }
    lines = {one for one in matching("curl ") if not one.startswith(tuple(ELSEWHERE))}
    assert lines == asked


def model_of(command: str) -> str:
    """Return the model of the graph that a command brings up."""
    promised = serving(read_graphs(REPOSITORY / shlex.split(command)[2])[0])
    assert promised is not None
    return promised.model or ""


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
