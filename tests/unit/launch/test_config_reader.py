"""Config files read into run configs that know where they were written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dynamo_conformance.manifest.node import Mark
from dynamo_launch.config.config_reader import parse_source, read_config, read_source
from dynamo_launch.config.run_config import RunConfig, Setting, Wiring
from dynamo_launch.errors import UsageError, where

GRAPH = """\
version: 0.1
name: llama
components:
  - name: front
    run_config:
      args: [in=http, out=dyn]
  - name: decode
    image: vllm-runtime
    replicas: 2
    run_config:
      args: {input: dyn://llama.backend.generate, output: vllm}
      task: decode
      model: M
      options: {max_model_len: 8}
    options: {seed: 1}
"""


def test_graph_of_two() -> None:
    config = read_config(parse_source(GRAPH, file="c.yaml"))

    front, decode = config.components
    assert config.name == "llama"
    assert front.wiring == Wiring(input=Setting("http", "c.yaml"), output=Setting("dyn", "c.yaml"))
    assert decode.wiring == Wiring(
        input=Setting("dyn://llama.backend.generate", "c.yaml"),
        output=Setting("vllm", "c.yaml"),
        task=Setting("decode", "c.yaml"),
        model=Setting("M", "c.yaml"),
    )
    assert [(option.key, option.value.plain()) for option in decode.options] == [
        ("seed", 1),
        ("max_model_len", 8),
    ]


def test_words_know_their_place() -> None:
    decode = read_config(parse_source(GRAPH, file="c.yaml")).components[1]

    assert decode.wiring.output is not None
    assert decode.wiring.output.mark == Mark(11, 59)
    assert where(decode.wiring.output) == "c.yaml:11:59: "
    assert where(decode.options[1]) == "c.yaml:14:17: "
    assert where(decode.options[1].value_place) == "c.yaml:14:32: "


def test_deployment_keys_are_kept_for_others() -> None:
    decode = parse_source(GRAPH, file="c.yaml").node.mappings("components")[1]

    assert decode.integer("replicas") == 2
    assert decode.string("image") == "vllm-runtime"


@pytest.mark.parametrize(
    "text",
    [
        "engine: vllm\nmodel: M\n",
        "args: [out=vllm, M]\n",
        "args: [output=vllm, M]\n",
        "args: {engine: vllm, model: M}\n",
        "run_config: {args: {out: vllm}, model: M}\n",
        "run_config:\n  args: [out=vllm]\nmodel: M\noptions:\n",
    ],
)
def test_shapes_that_say_the_same(text: str) -> None:
    config = read_config(parse_source(text, file="c.yaml"))

    expected = Wiring(output=Setting("vllm", "c.yaml"), model=Setting("M", "c.yaml"))
    assert config.components == (RunConfig(wiring=expected),)


def test_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match="not UTF-8 text"):
        read_config(read_source(file))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_config(read_source(path))


def test_a_file_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"a: " + b"x" * 4 * 2**20)
    with pytest.raises(UsageError, match="larger than"):
        read_config(read_source(path))
