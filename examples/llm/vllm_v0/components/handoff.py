"""What goes from one worker to another: prompts through a queue in NATS, addresses through etcd.

KV blocks go past both: vLLM's connector writes them from GPU to GPU.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Self

import msgspec
from dynamo._core import NatsQueue
from vllm.distributed.device_communicators.nixl import NixlMetadata
from vllm.remote_prefill import RemotePrefillRequest

from components.settings import NAMESPACE

if TYPE_CHECKING:
    from dynamo.runtime import DistributedRuntime

TAKE_SECONDS = 1.0
"""How long a PrefillWorker waits for a request before it asks again."""


class PrefillQueue:
    """The requests of one model whose prompts wait for a PrefillWorker."""

    def __init__(self, model: str) -> None:
        # A stream's name holds no dots, slashes or spaces.
        stream = f"{NAMESPACE}_prefill_{re.sub('[^A-Za-z0-9]', '_', model)}"
        server = os.environ.get("NATS_SERVER", "nats://localhost:4222")
        self._queue = NatsQueue(stream, server, TAKE_SECONDS)

    @classmethod
    async def connected(cls, model: str) -> Self:
        """Return the queue of a model, made where there is none."""
        queue = cls(model)
        await queue._queue.connect()
        return queue

    async def put(self, request: RemotePrefillRequest) -> None:
        """Add a request."""
        await self._queue.enqueue_task(msgspec.json.encode(request))

    async def take(self) -> RemotePrefillRequest | None:
        """Return the next request, or None when there was none for a second."""
        data = await self._queue.dequeue_task()
        return None if data is None else msgspec.json.decode(data, type=RemotePrefillRequest)

    async def size(self) -> int:
        """Return how many requests wait."""
        return await self._queue.get_queue_size()


class Addresses:
    """Where the memory of each engine is, for those that write into it."""

    def __init__(self, runtime: DistributedRuntime) -> None:
        etcd = runtime.etcd_client()
        if etcd is None:
            raise RuntimeError("a worker without etcd has no address to be written to")
        self._etcd = etcd

    async def put(self, metadata: NixlMetadata) -> None:
        """Say where an engine's memory is, for as long as this process lives."""
        data = msgspec.msgpack.encode(metadata)
        await self._etcd.kv_put(_key(metadata.engine_id), data, self._etcd.primary_lease_id())

    async def get(self, engine_id: str) -> NixlMetadata:
        """Return where an engine's memory is.

        Raises:
            LookupError: No such engine is there any more.
        """
        for entry in await self._etcd.kv_get_prefix(_key(engine_id)):
            return msgspec.msgpack.decode(bytes(entry["value"]), type=NixlMetadata)
        raise LookupError(f"engine {engine_id} has gone")


def _key(engine_id: str) -> str:
    return f"{NAMESPACE}/nixl/{engine_id}"
