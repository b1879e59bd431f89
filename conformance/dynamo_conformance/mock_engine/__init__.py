"""The mock engine: a worker on the real Dynamo runtime that behaves as an engine without a GPU.

A process whose PYTHONPATH starts with `overlay_path()` runs `python3 -m dynamo.vllm ...` (or
sglang, or trtllm) as published: the words are parsed with that engine's flag catalog, refused
where the engine would refuse them, and simulated by `dynamo.mocker` on the real runtime. Discovery,
planes, KV events and the way from prefill to decode are the real ones.

What differs from a real engine:

* Answers are made-up words, each drawn from the same thousand with the same chance, as many as
  `max_tokens` asks for; where nobody says how many they end by themselves, as a model ends, or with
  the context. What would change a draw is passed over: temperature, top_p, seed, penalties, n,
  best_of, logprobs, echo, suffix, response_format, tools, images.
* A request can name its answer (`chosen_answers`): then those tokens come, whatever the prompt.
* A decode worker publishes no KV events, whatever its `--kv-events-config` says.
* A worker without KV events names, as their source, an endpoint that does not exist. When workers
  with and without them share one component, routers refuse the events of all of them.
* With data parallelism over nodes each node serves its own ranks, registered as 0 and up: the
  mocker knows only ranks counted from 0. KV event ports are those of the real ranks.

Modules: `mock_worker` is one run; `vllm_reader`, `sglang_reader` and `trtllm_reader` make a
`worker_spec` of a command line; `mocker_serving` serves it with Dynamo's mocker, `request_handlers`
what the mocker cannot be; `answer_length` says when answers end, and `chosen_answers` what they
say; `multinode_join` brings nodes together; `mock_model` and `hub_cache` make models up; `overlay`
and `libraries` stand for the engines' modules.
"""

from dynamo_conformance.mock_engine.mock_environment import environment, overlay_path, version

__all__ = ["environment", "overlay_path", "version"]
