"""The worker that one process simulates, as a published command line describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.engines.role import Role
from dynamo_conformance.mock_engine.chosen_answers import Parsers
from dynamo_conformance.mock_engine.engine_refusal import CannotSimulate, ValueRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_conformance.engines.engine import Engine

_ENDPOINT_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """The data-parallel ranks this process serves.

    Attributes:
        start: The first one.
        local: How many, so that the last is `start + local - 1`.
        size: How many there are in the whole deployment.
    """

    start: int = 0
    local: int = 1
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MultinodeGroup:
    """Processes on several nodes that make up one engine, and this one's place among them.

    Attributes:
        unit: What is counted: "node" or "rank".
        start: The first unit this process brings.
        count: How many it brings.
        size: How many there must be before anyone serves.
        host: Address of the process that brings unit 0.
        port: Its port.
        agreement: TypedArguments, by flag, that have to be equal everywhere.
    """

    unit: str
    start: int
    count: int
    size: int
    host: str
    port: int
    agreement: tuple[tuple[str, str], ...] = ()

    @property
    def leads(self) -> bool:
        """Whether the others come to this process."""
        return self.start == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KvEvents:
    """KV cache events a worker publishes.

    Attributes:
        port: Port of rank 0 in the engine's own wire format, or None when the engine hands them
            to Dynamo without a socket between.
    """

    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Workers that a worker itself calls, each as `dyn://namespace.component.endpoint` or None.

    Attributes:
        encoder: Is asked first when a request carries images.
        prefill: Is asked for the prompt's KV blocks: the way of SGLang's workers behind an encoder.
        onward: Answers in this worker's place: where SGLang's encode worker sends a request on.
    """

    encoder: str | None = None
    prefill: str | None = None
    onward: str | None = None


NO_LINKS = Links()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """A worker as its command line describes it.

    Attributes:
        engine: The engine that is simulated.
        role: Aggregated, prefill, decode or encode.
        model: Id or folder of the model.
        served_name: The name requests use.
        endpoint: Where it serves, as `dyn://namespace.component.endpoint`.
        block_size: Tokens in one KV cache block.
        max_model_len: Longest sequence in tokens, None for the model's own.
        max_num_seqs: Sequences in one step, None for the mocker's default.
        max_num_batched_tokens: Tokens in one step, None for the mocker's default.
        truncates: Whether it cuts what is too long in place of refusing it.
        prefix_caching: Whether blocks of a repeated prefix are reused.
        chunked_prefill: Whether long prompts are split, None for the mocker's default.
        ranks: The data-parallel ranks.
        kv_events: What it publishes of its KV cache, None for nothing.
        bootstrap_port: Where a prefill worker hands its blocks over, if it has such a port.
        tool_call_parser: What the frontend parses tool calls with.
        reasoning_parser: What the frontend parses reasoning with.
        chat_template: A template file that replaces the model's.
        runtime_words: Flags of the runtime and of the router, passed on as written.
        group: The other processes of the same engine, None when there are none.
        serves: False for a process that only lends its GPUs to another one.
        unread: Settings that only the real engine understands, so that nothing here shows them.
        links: The workers it calls.
        embeds: Whether it answers with vectors, not with text.
        without_mocker: Whether Dynamo's mocker has no part for it; see `handlers`.
        public: Whether clients may ask it; the others are only asked by other workers.
        needs: Roles that must be there before the model is served: all of one of the lists.
    """

    engine: Engine
    role: Role
    model: str
    served_name: str
    endpoint: str
    block_size: int
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    truncates: bool = False
    prefix_caching: bool = True
    chunked_prefill: bool | None = None
    ranks: Ranks = Ranks()
    kv_events: KvEvents | None = None
    bootstrap_port: int | None = None
    tool_call_parser: str | None = None
    reasoning_parser: str | None = None
    chat_template: str | None = None
    runtime_words: tuple[str, ...] = ()
    group: MultinodeGroup | None = None
    serves: bool = True
    unread: tuple[str, ...] = ()
    links: Links = NO_LINKS
    embeds: bool = False
    without_mocker: bool = False
    public: bool = True
    needs: tuple[tuple[Role, ...], ...] = ()

    @property
    def parsers(self) -> Parsers:
        """What the frontend reads its answers with."""
        return Parsers(calls=self.tool_call_parser, thoughts=self.reasoning_parser)


WORKER_ROLES = {
    "agg": Role.AGG,
    "pd": Role.AGG,
    "prefill": Role.PREFILL,
    "decode": Role.DECODE,
    "encode": Role.ENCODE,
}
"""The roles that every engine knows, by what `--disaggregation-mode` calls them."""


def role_of(mode: str, *, roles: Mapping[str, Role] = WORKER_ROLES) -> Role:
    """Return the role that `--disaggregation-mode` asks for.

    Raises:
        CannotSimulate: It is none that can be simulated.
    """
    if mode not in roles:
        raise CannotSimulate(
            f"--disaggregation-mode {mode}: it has no part for this role; it simulates "
            f"{', '.join(roles)}"
        )
    return roles[mode]


def needs(role: Role, *, encoder: str | None) -> tuple[tuple[Role, ...], ...]:
    """Return the roles that a worker of vLLM or TensorRT-LLM says it needs beside it.

    Args:
        role: Its own.
        encoder: The encode worker that it asks, or None.
    """
    if role is Role.ENCODE:
        return ENCODERS_NEED
    peers = {Role.PREFILL: (Role.DECODE,), Role.DECODE: (Role.PREFILL,)}.get(role, ())
    all_of_them = (*peers, Role.ENCODE) if encoder is not None else peers
    return (all_of_them,) if all_of_them else ()


ENCODERS_NEED = ((Role.PREFILL, Role.DECODE), (Role.AGG,))
"""What every engine's encode worker waits for."""


def namespace(given: str | None, env: Mapping[str, str]) -> str:
    """Return the Dynamo namespace a worker registers in.

    Args:
        given: What `--namespace` or `DYN_NAMESPACE` says.
        env: The process environment; `DYN_NAMESPACE_WORKER_SUFFIX` is appended after a dash.
    """
    name = given or "dynamo"
    suffix = env.get("DYN_NAMESPACE_WORKER_SUFFIX")
    return f"{name}-{suffix}" if suffix else name


def endpoint(given: str | None, *, namespace: str, component: str) -> str:
    """Return the endpoint a worker serves.

    Args:
        given: What `--endpoint` says, None for the default.
        namespace: Namespace of the default.
        component: Component of the default.

    Raises:
        ValueRefusal: when `given` is not namespace.component.endpoint.
    """
    if given is None:
        return f"dyn://{namespace}.{component}.generate"
    parts = given.removeprefix("dyn://").split(".")
    if len(parts) != _ENDPOINT_PARTS:
        raise ValueRefusal(
            f"Invalid endpoint format: '{given}'. Expected "
            "'dyn://namespace.component.endpoint' or 'namespace.component.endpoint'."
        )
    return "dyn://" + ".".join(parts)
