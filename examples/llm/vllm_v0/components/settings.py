"""What a graph's JSON text or config file says of a worker, in vLLM's words and in Dynamo's."""

from __future__ import annotations

from dataclasses import dataclass

from dynamo.sdk.lib.config import ServiceConfig
from vllm import AsyncEngineArgs
from vllm.utils import FlexibleArgumentParser

NAMESPACE = "dynamo"
"""Where all services of a graph are; `Frontend.endpoint` names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a worker does.

    Attributes:
        engine: vLLM's own arguments.
        served_name: The name clients use.
        router: How the frontend chooses among workers; with `kv` they say what they hold.
        remote_prefill: Whether prompts may be computed by a PrefillWorker.
        conditional: Whether only those are that the two limits below allow.
        max_local_prefill: The longest prompt in tokens that is computed here all the same.
        max_queue: With more requests in the queue than this, prompts are computed here.
    """

    engine: AsyncEngineArgs
    served_name: str
    router: str = "round-robin"
    remote_prefill: bool = False
    conditional: bool = False
    max_local_prefill: int = 1000
    max_queue: int = 2


def read_settings(service: str) -> Settings:
    """Return the settings of a service.

    Raises:
        SystemExit: A setting is no word of vLLM's or of ours.
    """
    parser = FlexibleArgumentParser(prog=service)
    parser.add_argument("--router", default="round-robin")
    parser.add_argument("--remote-prefill", action="store_true")
    parser.add_argument("--conditional-disagg", action="store_true")
    parser.add_argument("--max-local-prefill-length", type=int, default=1000)
    parser.add_argument("--max-prefill-queue-size", type=int, default=2)
    parser = AsyncEngineArgs.add_cli_args(parser)
    given = parser.parse_args(ServiceConfig.get_instance().as_args(service))
    engine = AsyncEngineArgs.from_cli_args(given)
    if engine.kv_transfer_config is not None:
        # What the connector of then could not do: prompts in chunks, blocks recomputed.
        engine.enable_chunked_prefill = False
        engine.preemption_mode = "swap"
    served = ServiceConfig.get_parsed_config("Frontend").get("served_model_name", given.model)
    return Settings(
        engine=engine,
        served_name=served,
        router=given.router,
        remote_prefill=given.remote_prefill,
        conditional=given.conditional_disagg,
        max_local_prefill=given.max_local_prefill_length,
        max_queue=given.max_prefill_queue_size,
    )
