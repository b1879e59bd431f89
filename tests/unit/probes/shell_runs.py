"""`dynamo probe` as the shell has it, but in this process."""

from __future__ import annotations

from dataclasses import dataclass

from click.testing import CliRunner

from dynamo_conformance.probes.command import probe
from right_server import MODEL

CHAT_ONLY = ("--model", MODEL, "--probe", "chat")


@dataclass
class Ended:
    code: int
    out: str
    err: str


def run(*words: str, env: dict[str, str] | None = None) -> Ended:
    result = CliRunner().invoke(probe, words, env=env)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)
