"""What a manifest asks for and answers alone do not prove: adapters, draft models, parsers, ...

With the mock engine each of these is UNSUPPORTED, with the reason; where a real engine's answer or
counters can show it, they are checked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.features import GraphFeature
from dynamo_conformance.probes.graph_probe import (
    Endpoint,
    GraphProbe,
    Unsupported,
    expect,
    promised,
)
from dynamo_conformance.probes.metrics import worker_counts
from dynamo_conformance.probes.mock_workers import mock_workers
from dynamo_conformance.probes.openai_client import openai_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai.types.chat import ChatCompletionToolUnionParam

    from dynamo_conformance.engines.serving import Serving

WEATHER: ChatCompletionToolUnionParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
SPECULATED = ("vllm:spec_decode_num_accepted_tokens", "sglang:spec_accept", "trtllm_spec")
"""Prefixes of the counters of accepted draft tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureClaim:
    """A feature, and how it is checked.

    Attributes:
        feature: What the manifest asks for.
        mocked: Why the mock engine does not show it.
        real: Checks it with a real engine, or why that is not possible.
    """

    feature: GraphFeature
    mocked: str
    real: Callable[[Endpoint], None] | str

    def check(self, endpoint: Endpoint) -> None:
        """Return when it is shown.

        Raises:
            Unsupported: It cannot be, here.
            ProbeFailure: It is not so.
        """
        if mock_workers(endpoint) is not None:
            raise Unsupported(self.mocked)
        if isinstance(self.real, str):
            raise Unsupported(self.real)
        self.real(endpoint)


def tool_call(endpoint: Endpoint) -> None:
    """A question that needs a tool is answered with a call of that tool, its arguments in JSON."""
    with openai_client(endpoint) as client:
        answer = client.chat.completions.create(
            model=endpoint.model,
            messages=[{"role": "user", "content": "What is the weather in Paris right now?"}],
            tools=[WEATHER],
            max_tokens=1024,
        )
    message = answer.choices[0].message
    calls = [call for call in message.tool_calls or () if call.type == "function"]
    expect(calls, f"no tool was called; the answer is {(message.content or '')[:200]!r}")
    name, written = calls[0].function.name, calls[0].function.arguments
    expect(name == "get_weather", f"the tool {name} was called, and there is none of that name")
    try:
        arguments = json.loads(written)
    except ValueError:
        arguments = None
    expect(isinstance(arguments, dict), f"the call's arguments are no JSON: {written[:200]!r}")


def reasoning(endpoint: Endpoint) -> None:
    """What the model thought stands in a field of its own, not in the answer."""
    with openai_client(endpoint) as client:
        answer = client.chat.completions.create(
            model=endpoint.model,
            messages=[{"role": "user", "content": "Is 91 a prime number?"}],
            max_tokens=2048,
        )
    message = answer.choices[0].message
    thought = (message.model_extra or {}).get("reasoning_content")
    expect(thought, "the answer has no reasoning_content")
    expect("<think>" not in (message.content or ""), "the thoughts are in the answer itself")


def speculation(endpoint: Endpoint) -> None:
    """The engine counts accepted draft tokens, after some were wanted."""
    with openai_client(endpoint) as client:
        client.completions.create(model=endpoint.model, prompt="1 2 3 4 5 6 7 8 9", max_tokens=64)
    counts = worker_counts(endpoint, SPECULATED)
    if not counts:
        raise Unsupported("the workers' /metrics has no counter of draft tokens")
    expect(sum(counts.values()) > 0, f"no draft token was accepted: {counts}")


_NO_WORDS = "the mock engine's words are drawn at random"
_CARD = "the parser's name reaches the model card, what it makes of an answer is not shown"

CLAIMS = (
    FeatureClaim(
        feature=GraphFeature.LORA,
        mocked="the mock engine loads no adapter; that requests reach one is not shown",
        real="no adapter is known here that a worker could load",
    ),
    FeatureClaim(
        feature=GraphFeature.SPECULATION,
        mocked="the mock engine drafts no tokens; neither they nor a speed-up are shown",
        real=speculation,
    ),
    FeatureClaim(
        feature=GraphFeature.KV_OFFLOAD,
        mocked="the mock engine keeps KV blocks in its own cache alone; none leaves it or returns",
        real="a block returns only after the GPU's cache was full, which no probe does",
    ),
    FeatureClaim(
        feature=GraphFeature.TOOL_CALLS,
        mocked=f"{_NO_WORDS} and call no tool; {_CARD}",
        real=tool_call,
    ),
    FeatureClaim(
        feature=GraphFeature.REASONING,
        mocked=f"{_NO_WORDS} and hold no thoughts; {_CARD}",
        real=reasoning,
    ),
    FeatureClaim(
        feature=GraphFeature.EXPERTS,
        mocked="the mock engine has no experts; where they are and what they exchange is not shown",
        real="an answer does not show on which GPU an expert was",
    ),
    FeatureClaim(
        feature=GraphFeature.MPI,
        mocked="mpirun starts the ranks of the other nodes over ssh, and the mock engine has no "
        "ranks: the first node simulates the complete engine",
        real="an answer does not show which ranks had a part in it",
    ),
    FeatureClaim(
        feature=GraphFeature.PLANNER,
        mocked="a planner decides by measured speed, and the mock engine's is not an engine's",
        real="a decision of the planner takes load for minutes, which no probe makes",
    ),
)


def _options(endpoint: Endpoint) -> None:
    """See that every option of the engine file was read.

    Raises:
        Unsupported: Only TensorRT-LLM itself understands some of them.
    """
    mock = mock_workers(endpoint)
    # A real engine that serves knows its options: it ends at start when it does not.
    if mock is not None and mock.unread:
        names = ", ".join(mock.unread)
        raise Unsupported(f"engine options that only TensorRT-LLM understands: {names}")


def _promises(feature: GraphFeature) -> Callable[[Serving | None], bool]:
    return promised(lambda serving: feature in serving.features)


PROBES = (
    *(
        GraphProbe(id=str(claim.feature), run=claim.check, applies=_promises(claim.feature))
        for claim in CLAIMS
    ),
    GraphProbe(id=str(GraphFeature.OPTIONS), run=_options, applies=_promises(GraphFeature.OPTIONS)),
)
