"""What help and documents show is what serve does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from dynamo_launch.serve.help import HELP
from dynamo_launch.serve.serve_command import plan, serve

ROOT = Path(__file__).parents[3]
SERVE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
CONFIG = """\
components:
- {name: decode, engine: vllm, task: decode}
"""
EXAMPLES = re.findall(r"^  dynamo serve (.+)$", HELP.partition("Examples:")[2], re.MULTILINE)


def _section(document: str, heading: str) -> str:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_help_has_examples() -> None:
    assert len(EXAMPLES) > 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_help_are_understood(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(example) if word != "--dry-run"]

    assert plan(words, {}).line().startswith("python3 -m ")


def test_console_example_of_the_document() -> None:
    text = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
    console = text.partition("```console\n")[2].partition("```")[0]
    typed, note, line = console.splitlines()
    variable, *words = shlex.split(typed.removeprefix("$ "))
    assert words[:2] == ["dynamo", "serve"]
    name, _, value = variable.partition("=")

    invocation = plan([word for word in words[2:] if word != "--dry-run"], {name: value})

    assert invocation.line() == line
    assert [f"# {one}" for one in invocation.notes] == [note]


@pytest.mark.parametrize(
    "line", re.findall(r"```sh\n(.+?)```", SERVE, re.DOTALL)[0].splitlines(), ids=str.strip
)
def test_commands_of_the_document(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, several = re.findall(r"```yaml\n(.+?)```", _section("serve.md", "Config files"), re.DOTALL)
    (tmp_path / "worker.yaml").write_text(one, encoding="utf-8")
    (tmp_path / "graph.yaml").write_text(several, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    program, command, *words = shlex.split(line, comments=True)

    assert (program, command) == ("dynamo", "serve")
    assert serve(["--dry-run", *words]) == 0
    assert capsys.readouterr().out.startswith("python3 -m ")


def test_both_spellings_of_the_config_file(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    lines = {plan(["decode", flag, str(file), "M"], {}).line() for flag in ("-f", "-c", "--file")}
    assert len(lines) == 1


@pytest.mark.parametrize("name", ["frontend", "decode"])
def test_config_files_of_the_document(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, several = re.findall(r"```yaml\n(.+?)```", _section("serve.md", "Config files"), re.DOTALL)
    (tmp_path / "one.yaml").write_text(one, encoding="utf-8")
    (tmp_path / "several.yaml").write_text(several, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert plan(["-f", "one.yaml"], {}).module == "dynamo.vllm"
    module = plan([name, "-f", "several.yaml"], {}).module
    assert module == {"frontend": "dynamo.frontend", "decode": "dynamo.vllm"}[name]


def test_every_section_that_answers_point_to_exists() -> None:
    package = ROOT / "launch" / "dynamo_launch"
    sources = [package / "retired_commands.py", package / "config" / "keys.py"]
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    sections = {*re.findall(r"migration\.md#([a-z-]+)", code)}
    sections |= {
        "run", "build", "graphs", "service-options", "deployment-config",
    }  # fmt: skip
    for section in sections:
        assert _section("migration.md", section.replace("-", " ")), section


MIGRATION = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
NOW = [
    *(
        line
        for block in re.findall(r"```sh\n(.+?)```", MIGRATION, re.DOTALL)
        for line in block.splitlines()
        if "dynamo serve" in line
    ),
    *(
        command
        for row in re.findall(r"^\| .+$", MIGRATION, re.MULTILINE)
        for command in re.findall(r"`(dynamo serve .+?)`", row.split("|")[2])
        if "..." not in command
    ),
]


@pytest.mark.parametrize("line", NOW)
def test_commands_that_took_the_place_of_retired_ones(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = re.findall(r"```yaml\n(# config.yaml\n.+?)```", MIGRATION, re.DOTALL)[0]
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)
    rest = words[words.index("serve") + 1 :]
    assert plan(rest, {}).line().startswith("python3 -m ")
