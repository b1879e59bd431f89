"""The example with an encode worker of one's own: no image gets past it, however launched."""

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
from sandbox import REPOSITORY, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from openai.types.chat import ChatCompletionUserMessageParam

    from dynamo_conformance.targets.interface import Deployment

LAUNCH = REPOSITORY / "examples" / "llm" / "multimodal" / "launch"
MANIFEST = LAUNCH / "k8s" / "vllm_own_encoder.yaml"
RED = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5ErkJggg=="  # noqa: E501 - one picture
ALLOWED = 4


def from_the_manifest() -> AbstractContextManager[Deployment]:
    return LocalTarget(engine=MOCK).deploy(read_graphs(MANIFEST)[0])


def from_the_script() -> AbstractContextManager[Deployment]:
    script = LAUNCH / "local" / "vllm_own_encoder.sh"
    return run_script(script, serving=serving(read_graphs(MANIFEST)[0]))


def message(*addresses: str) -> ChatCompletionUserMessageParam:
    images = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
    content = [{"type": "text", "text": "Which colour is this?"}, *images]
    return {"role": "user", "content": content}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("deployed", [from_the_manifest, from_the_script])
def test_no_image_gets_past_the_rules(
    deployed: Callable[[], AbstractContextManager[Deployment]],
) -> None:
    with deployed() as deployment:
        model = wait_ready(deployment, model=None, timeout=SECONDS).model
        url = f"{deployment.url}/v1"
        with OpenAI(base_url=url, api_key="none", max_retries=0, timeout=SECONDS) as client:
            ask = client.chat.completions.create
            answer = ask(model=model, max_tokens=4, messages=[message(*[RED] * ALLOWED)])
            assert answer.choices[0].message.content
            with pytest.raises(BadRequestError, match="5 images; 4 are allowed"):
                ask(model=model, max_tokens=4, messages=[message(*[RED] * (ALLOWED + 1))])
            with pytest.raises(BadRequestError) as refused:
                ask(model=model, max_tokens=4, messages=[message("http://10.0.0.1/secret.png")])
            assert "10.0.0.1" not in refused.value.message
