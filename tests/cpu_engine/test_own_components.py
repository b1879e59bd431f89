"""The vLLM components with vLLM: what their own tests show behind the seam, once more for real.

`tox run -e cpu-engine-faults` runs this.
"""

from __future__ import annotations

import asyncio
import runpy
import sys
import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests
from openai import BadRequestError, NotFoundError, OpenAI

from dynamo_conformance.cpu_engine.families import family_of
from dynamo_conformance.cpu_engine.weights import Specification, link_files, made, overlay_path
from own_graph import ENGINE, MODEL, SECONDS, Graph, Served, scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTEXT = 2048
WORDS = "one two three four five"
LONG = "word " * CONTEXT
IDLE = "EngineCore waiting for work."
"""What vLLM's log says last when no request is left."""

Loaded: TypeAlias = Any
"""Something of a module that is imported by name, so that no type of it is known."""


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / MODEL
    link_files(made(Specification(family=replace(family_of("llama"), context=CONTEXT))), folder)
    return folder


@pytest.fixture(scope="session")
def graph(model: Path) -> Iterator[Graph]:
    with served(model) as found:
        yield found


def client(to: Served) -> OpenAI:
    return OpenAI(base_url=f"{to.url}/v1", api_key="none", max_retries=0, timeout=SECONDS)


def complete(to: Served, name: str = MODEL, **more: Loaded) -> Loaded:
    """Ask for a completion, or for the list of its pieces; by default the model does not end it."""
    asked: dict[str, Loaded] = {"model": name, "prompt": WORDS, "max_tokens": 8}
    asked |= {"temperature": 0.0, "extra_body": {"ignore_eos": True}} | more
    with client(to) as ask:
        answer = ask.completions.create(**asked)
        return list(answer) if asked.get("stream") else answer


def test_a_chat_is_answered_and_counted(graph: Graph) -> None:
    with client(graph.plain) as ask:
        answer = ask.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": WORDS}],
            max_tokens=6,
            extra_body={"ignore_eos": True},
        )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 6
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 6


def test_a_stream_says_the_same_as_the_whole(graph: Graph) -> None:
    whole = complete(graph.plain).choices[0].text
    pieces = [one for one in complete(graph.plain, stream=True) if one.choices]
    assert len(pieces) > 2
    assert "".join(one.choices[0].text for one in pieces) == whole
    assert pieces[-1].choices[0].finish_reason == "length"


def test_the_likeliest_answer_is_one_and_a_seed_repeats_a_draw(graph: Graph) -> None:
    assert complete(graph.plain).choices[0].text == complete(graph.plain).choices[0].text

    def draw(seed: int) -> str:
        return str(complete(graph.plain, temperature=1.0, seed=seed).choices[0].text)

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_a_stop_ends_the_answer_before_it(graph: Graph) -> None:
    # Dynamo's frontend drops what ends an answer where its end is to be ignored.
    more: dict[str, Loaded] = {"max_tokens": 12, "extra_body": {}}
    whole = complete(graph.plain, **more).choices[0].text
    middle = whole[len(whole) // 2 : len(whole) // 2 + 3]
    answer = complete(graph.plain, stop=[middle], **more).choices[0]
    assert answer.finish_reason == "stop"
    assert answer.text == whole[: whole.index(middle)]


def test_what_cannot_be_answered_is_refused(graph: Graph) -> None:
    with pytest.raises(NotFoundError):
        complete(graph.plain, "no-such-model")
    with pytest.raises(BadRequestError):
        complete(graph.plain, prompt=LONG)


def steps(of: Served) -> int:
    """Return how often the engine has computed, as vLLM's log has it."""
    return of.log("worker").count("Running batch")


def test_a_client_that_leaves_ends_its_request_in_the_engine(graph: Graph) -> None:
    wanted = CONTEXT // 2
    body = {"model": MODEL, "prompt": "x", "max_tokens": wanted, "ignore_eos": True}
    url = f"{graph.plain.url}/v1/completions"
    before = steps(graph.plain)
    with requests.post(url, json=body | {"stream": True}, stream=True, timeout=SECONDS) as answer:
        next(answer.iter_lines())
    deadline = time.monotonic() + SECONDS / 8
    while not graph.plain.log("worker").rstrip().endswith(IDLE):
        assert time.monotonic() < deadline, "the engine never rests"
        time.sleep(0.1)
    assert 0 < steps(graph.plain) - before < wanted // 2


def test_the_processor_holds_its_rules(graph: Graph, model: Path) -> None:
    kept = complete(graph.ruled, str(model), max_tokens=4)
    assert kept.choices[0].text == complete(graph.plain, max_tokens=4).choices[0].text
    with pytest.raises(NotFoundError):
        complete(graph.ruled)
    calm = complete(graph.ruled, str(model), temperature=2.0, seed=3).choices[0].text
    assert calm == complete(graph.plain, temperature=1.2, seed=3).choices[0].text


def test_the_published_script_serves(model: Path) -> None:
    with scripted(ENGINE / "launch" / "local" / "own_worker.sh", model) as graph:
        answer = complete(graph, str(model), max_tokens=3)
    assert answer.usage.completion_tokens == 3


def test_the_seam_alone(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the components' own tests play, the engine does."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("VLLM_CACHE_ROOT", str(tmp_path))
    monkeypatch.syspath_prepend(str(ENGINE))
    # What a process of its own imports at its start: torchvision's operators among it.
    monkeypatch.setenv("PYTHONPATH", str(overlay_path()))
    runpy.run_path(str(overlay_path() / "sitecustomize.py"))
    seam, engine = (import_module(f"components.{one}") for one in ("seam", "engine"))

    async def through() -> None:
        made = engine.make(str(model), None)
        limits = await made.start()
        assert limits.context_length == CONTEXT
        assert limits.block_size
        assert limits.blocks
        asked = seam.Asked(max_tokens=5, temperature=0.0, ignore_eos=True)
        steps = [one async for one in made.generate("one", [5, 6, 7], asked)]
        assert sum(len(one.tokens) for one in steps) == 5
        assert [one.finish for one in steps if one.finish] == ["length"]
        await made.stop()
        await made.stop()

    asyncio.run(through())
    for name in [one for one in sys.modules if one.partition(".")[0] == "components"]:
        del sys.modules[name]
