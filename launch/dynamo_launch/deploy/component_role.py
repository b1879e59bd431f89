"""What a component does in its graph, and what the API calls that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynamo_conformance.manifest.graph import FRONTEND
from dynamo_launch.config.graph_config import ValueOrigin
from dynamo_launch.config.wiring import DYN, ENGINES, SCHEME, completed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_launch.config.run_config import Setting
    from dynamo_launch.deploy.component_input import ComponentInput

PREFILL: Final = "prefill"

TYPES: Final[Mapping[str, str]] = {
    FRONTEND: FRONTEND, "agg": "worker", PREFILL: PREFILL, "decode": "decode", "encode": "worker",
    "planner": "planner",
}  # fmt: skip
"""The API's type of each role."""

ENGINES_OF_THE_API: Final = ("vllm", "sglang", "trtllm")
"""What `backendFramework` can say."""


def role(given: ComponentInput) -> tuple[str, ValueOrigin] | None:
    """Return a component's role and what says so, or None when nothing does."""
    written = given.value("role")
    if written is not None:
        return written.text, written.origin
    wiring = completed(given.run.wiring)
    if given.run.command or wiring.component is not None:
        return None
    if wiring.task is not None:
        return wiring.task.text, origin(wiring.task, "task")
    if wiring.output is None:
        return None
    if wiring.output.text == DYN or wiring.output.text.startswith(SCHEME):
        return FRONTEND, origin(wiring.input or wiring.output, "args.input")
    return "agg", origin(wiring.output, "args.output")


def engine(given: ComponentInput) -> tuple[str, ValueOrigin] | None:
    """Return the engine that a component says it runs, and where it says so, or None."""
    output = given.run.wiring.output
    if output is None or output.text not in ENGINES:
        return None
    return output.text, origin(output, "args.output")


def origin(setting: Setting, what: str) -> ValueOrigin:
    """Return where a word of a run config was written."""
    return ValueOrigin(setting.file, setting.mark, what)
