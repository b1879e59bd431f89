"""Engines: what runs a model inside a worker."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """An engine that a Dynamo worker can wrap; `dynamo.<engine>` is its module."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    MOCKER = "mocker"
