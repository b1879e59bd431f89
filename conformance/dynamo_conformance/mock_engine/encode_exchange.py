"""What `dynamo.vllm` asks an encode worker, and is answered: JSON texts.

Source: dynamo.vllm.multimodal_utils (protocol, prefill_worker_utils) of 1.6.1. A component of
somebody's own may be either of the two.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynamo_conformance.engines.flag import Json

EMBEDDING = (1, 64, 3584)
"""The shape of what is said to be made of an image: one, its tokens, Qwen2.5-VL-7B's width."""


def question(addresses: list[str], *, request: str) -> str:
    """Return what asks for images to be encoded.

    Args:
        addresses: Their URLs.
        request: A name for it.
    """
    return json.dumps(
        {
            "engine_prompt": {"prompt_token_ids": []},
            "sampling_params": {},
            "request_id": request,
            "multimodal_inputs": [_group(address) for address in addresses],
        }
    )


def answer(asked: str) -> str:
    """Return what an encode worker says of the images that it was asked for.

    Raises:
        ValueError: It was asked for something else.
    """
    data, groups = _read(asked)
    for group in groups:
        image = group["multimodal_input"]
        if not isinstance(image, dict) or not image.get("image_url"):
            raise ValueError("image_url or image_decoded is required for the encode worker.")
        group |= {
            "multimodal_input": {**image, "image_url": None},
            "embeddings_shape": list(EMBEDDING),
            "serialized_request": {"mock_engine": "no embedding leaves this worker"},
        }
    return json.dumps(data | {"multimodal_inputs": groups})


def count_encoded(answered: str) -> int:
    """Return how many images an answer has embeddings of.

    Raises:
        ValueError: It is no answer of an encode worker.
    """
    _, groups = _read(answered)
    return sum(bool(group.get("serialized_request")) for group in groups)


def _group(address: str) -> dict[str, Json]:
    image: dict[str, Json] = {"image_url": address, "video_url": None, "image_decoded": None}
    return {"multimodal_input": image, "embeddings_shape": None, "serialized_request": None}


def _read(text: str) -> tuple[dict[str, object], list[dict[str, Json]]]:
    data = json.loads(text)
    groups = data.get("multimodal_inputs") if isinstance(data, dict) else None
    if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
        raise ValueError("multimodal_inputs must not be None for encode worker")
    return data, groups
