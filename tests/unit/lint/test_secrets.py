"""No secret of a manifest is shown or kept, whichever rule quotes it, in whatever format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from dynamo_conformance.convert.command import convert
from dynamo_conformance.lint.command import FORMATS
from lint_helpers import REPLICAS, Linter, graph

if TYPE_CHECKING:
    from pathlib import Path

# Put together here, so that no scanner takes this file for a leak.
SHAPED = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
NAMED = "correct-horse-battery-staple-4711"
MODEL = "args: [--model, Qwen/Qwen3-0.6B"
COMMAND = "              command"


def wrong(secret: str) -> dict[str, str]:
    """Return manifests in which `secret` stands where some rule quotes it."""
    return {
        "flag": graph(MODEL, f"{MODEL}, --no-such-flag={secret}"),
        "the flag itself": graph(MODEL, f"{MODEL}, --{secret}"),
        "value of a flag": graph(MODEL, f"{MODEL}, --hf-token, {secret}, --dtyp, float"),
        "unknown field": graph(REPLICAS, f"      {secret}: 1\n"),
        "key twice": graph(REPLICAS, f"      {secret}: 1\n      {secret}: 1\n"),
        "colon": graph(REPLICAS, f"      x: {secret}: 1\n"),
        "no end": graph(REPLICAS, f'      HF_TOKEN: "{secret}\n'),
        "anchor": graph(REPLICAS, f"      x: *{secret}\n"),
        "number": graph(REPLICAS, f"      replicas: {secret}\n"),
        "name": graph("name: graph", f"name: {secret}"),
        "type": graph("type: worker", f"type: {secret}"),
        "version": graph("v1beta1", secret),
        "variable": graph(
            COMMAND, f"              env: [{{name: '{secret}', valu: 1}}]\n{COMMAND}"
        ),
        "suppression": graph(
            REPLICAS, f"{REPLICAS[:-1]} # dynamo-lint: allow a-rule HF_TOKEN={secret}\n"
        ),
    }


def lower(text: str | bytes) -> str:
    return (text if isinstance(text, str) else text.decode(errors="replace")).lower()


@pytest.mark.parametrize("place", wrong(SHAPED))
@pytest.mark.parametrize("secret", [SHAPED, NAMED], ids=["by its shape", "by its name"])
def test_no_rule_shows_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, secret: str
) -> None:
    linter = Linter.opened(tmp_path, monkeypatch)
    text = wrong(secret)[place]
    if secret == NAMED:
        if place in ("version", "key twice", "colon", "anchor"):
            pytest.skip("in what cannot be read, nothing tells that it is a secret")
        text = text.replace("      type: frontend", f"      type: frontend\n      token: {NAMED}")
    linter.write("a.yaml", text)
    for words in [(), ("--only", "api"), ("--skip", "plain-secret")]:
        for style in FORMATS:
            ended = linter.run("--format", style, *words, "a.yaml")
            assert secret.lower() not in lower(ended.output), (style, words)
    for path in (tmp_path / "cache").rglob("*"):
        assert path.is_dir() or secret.lower() not in lower(path.read_bytes())


@pytest.mark.parametrize("place", wrong(SHAPED))
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_convert_shows_no_secret(tmp_path: Path, place: str, version: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(wrong(SHAPED)[place], encoding="utf-8")
    ended = CliRunner().invoke(convert, ["--to", version, str(path)])
    assert SHAPED not in ended.stderr


def test_a_line_without_a_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linter = Linter.opened(tmp_path, monkeypatch)
    env = f"              env: [{{name: HF_TOKEN, value: {NAMED}}}]\n{COMMAND}"
    linter.write("a.yaml", graph(COMMAND, env).replace(REPLICAS, "      replica: 1\n"))
    ended = linter.run("--only", "api", "a.yaml")
    assert "     9 |       replica: 1" in ended.output
    assert 'did you mean "replicas"?' in ended.output
