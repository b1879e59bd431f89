"""The example with a processor: nothing reaches the worker without it, however launched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openai import BadRequestError, OpenAI

from dynamo_conformance.engines.serving import serving
from dynamo_conformance.manifest.read import read_graphs
from dynamo_conformance.targets import MOCK
from dynamo_conformance.targets.local.deployment import LocalTarget
from dynamo_conformance.targets.local.local_script import run_script
from dynamo_conformance.targets.readiness import wait_ready
from sandbox import EXAMPLES, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from dynamo_conformance.targets.interface import Deployment


MANIFEST = EXAMPLES / "k8s" / "own_processor.yaml"
TOO_LONG = 8193
"""One token more than the processor's rules allow; the worker would take it."""

TIMES = 6
"""Would a frontend send requests by turns to worker and processor, one of these went past."""


def from_the_manifest() -> AbstractContextManager[Deployment]:
    target = LocalTarget(engine=MOCK)
    return target.deploy(read_graphs(MANIFEST)[0])


def from_the_script() -> AbstractContextManager[Deployment]:
    script = EXAMPLES / "local" / "own_processor.sh"
    return run_script(script, serving=serving(read_graphs(MANIFEST)[0]))


@pytest.mark.parametrize("deployed", [from_the_manifest, from_the_script])
def test_nobody_gets_past_the_processor(
    deployed: Callable[[], AbstractContextManager[Deployment]],
) -> None:
    with deployed() as deployment:
        model = wait_ready(deployment, model=None, timeout=SECONDS).model
        url = f"{deployment.url}/v1"
        with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=SECONDS) as client:
            for _ in range(TIMES):
                with pytest.raises(BadRequestError, match="8192 are allowed"):
                    client.completions.create(model=model, prompt=[11] * TOO_LONG, max_tokens=1)
