"""A folder in which `dynamo lint` is run, apart from the settings and cache of whoever tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from click.testing import CliRunner

from dynamo_conformance.lint.command import lint

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from click.testing import Result

GRAPH = """\
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata:
  name: graph
spec:
  components:
    - name: Frontend
      type: frontend
      replicas: 1
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
    - name: Worker
      type: worker
      podTemplate:
        spec:
          containers:
            - name: main
              image: nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.6.1
              command: [python3, -m, dynamo.vllm]
              args: [--model, Qwen/Qwen3-0.6B]
              resources: {limits: {nvidia.com/gpu: 1}}
"""
REPLICAS = "      replicas: 1\n"
"""A line of GRAPH, to be replaced by a wrong one."""


class FoundJson(TypedDict):
    """A finding in the JSON output."""

    rule: str
    severity: str
    line: int
    column: int
    path: str
    message: str


class DocumentJson(TypedDict):
    """A document in the JSON output."""

    file: str
    index: int
    kind: str
    name: str
    releases: dict[str, int]
    findings: list[FoundJson]


@dataclass(frozen=True, slots=True)
class Linter:
    """The folder, which is the working folder too."""

    folder: Path

    @classmethod
    def opened(cls, folder: Path, patch: pytest.MonkeyPatch) -> Linter:
        """Return a linter in `folder` for as long as `patch` holds."""
        work = folder / "work"
        work.mkdir()
        patch.chdir(work)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return cls(work)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file byte for byte, and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *words: str | Path, stdin: str | bytes | None = None) -> Result:
        """Run `dynamo lint` with `words`; it may fail, and must not crash."""
        ended = CliRunner().invoke(lint, [str(word) for word in words], input=stdin)
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended

    def documents(self, *words: str | Path, stdin: str | bytes | None = None) -> list[DocumentJson]:
        """Run `dynamo lint`, and return the documents that its JSON has."""
        ended = self.run("--format", "json", *words, stdin=stdin)
        assert ended.exit_code != 2, ended.stderr
        found: list[DocumentJson] = json.loads(ended.stdout)["documents"]
        return found

    def found(self, *words: str | Path, stdin: str | bytes | None = None) -> list[tuple[str, int]]:
        """Run `dynamo lint`, and return the rule and line of each finding."""
        documents = self.documents(*words, stdin=stdin)
        return [(one["rule"], one["line"]) for each in documents for one in each["findings"]]

    def refused(self, *words: str | Path, stdin: str | bytes | None = None) -> str:
        """Run `dynamo lint`, which must refuse its words, and return the reason."""
        ended = self.run(*words, stdin=stdin)
        assert ended.exit_code == 2, ended.output
        assert ended.stdout == ""
        reason = ended.stderr.partition("Error: ")[2].strip()
        assert reason
        return reason


def graph(old: str = "", new: str = "") -> str:
    """Return GRAPH with a piece of it, which must be there once, replaced."""
    assert not old or GRAPH.count(old) == 1
    return GRAPH.replace(old, new) if old else GRAPH
