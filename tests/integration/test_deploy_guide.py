"""docs/deploy.md, followed line by line by somebody with one file."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from test_up import read_until

from sandbox import REPOSITORY, SECONDS

if TYPE_CHECKING:
    from sandbox import Ended, Sandbox

TEXT = (REPOSITORY / "docs" / "deploy.md").read_text(encoding="utf-8")
GRAPH = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)[0]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [block for language, block in FENCE.findall(TEXT) if not language]
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]


def run(sandbox: Sandbox, line: str) -> Ended:
    program, *words = shlex.split(line)
    assert program == "dynamo"
    return sandbox.dynamo(*words)


def test_every_line_does_what_the_page_says(sandbox: Sandbox) -> None:
    (sandbox.folder / "graph.yaml").write_text(GRAPH, encoding="utf-8")
    serve, *deploys, up, curl, diff, schema = LINES

    assert run(sandbox, serve).text.splitlines()[-1].startswith("python3 -m dynamo.vllm --model Q")
    for line in deploys:
        ended = run(sandbox, line)
        assert ended.code == 0, ended.text
    assert len(list(sandbox.folder.glob("*_deployment/[!.]*"))) == 4

    process = sandbox.start(*shlex.split(up)[1:])
    url = read_until(process, "answers as")[-1].split()[-1].removesuffix("/v1")
    words = [*shlex.split(curl.replace("localhost:8000", url)), "--silent", "--fail"]
    answer = subprocess.run(words, capture_output=True, check=True, timeout=SECONDS)
    assert json.loads(answer.stdout)["choices"][0]["message"]["content"]

    assert run(sandbox, diff).code == 0
    more = GRAPH.replace("replicas: 1", "replicas: 2")
    (sandbox.folder / "graph.yaml").write_text(more, encoding="utf-8")
    changed = run(sandbox, diff)
    assert changed.code == 1
    assert "+      replicas: 2" in changed.text

    words = shlex.split(schema)
    assert words[-2:] == [">", "config.schema.json"]
    assert json.loads(sandbox.dynamo(*words[1:-2]).text)["title"]
