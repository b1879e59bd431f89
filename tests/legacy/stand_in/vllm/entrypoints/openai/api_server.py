"""STAND-IN: an engine without a model; see `vllm`.

A block of a prompt is a digest of its tokens and of the blocks before it. An answer is drawn from
the last block: an engine that was sent the wrong blocks, or none, does not answer. Blocks really go
from process to process: `nixl_metadata` has the address at which an engine takes them.

What each engine did, it appends to a file of its own in the folder VLLM_STAND_IN_REPORT.
"""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from vllm.distributed.device_communicators.nixl import NixlMetadata
from vllm.remote_prefill import RemotePrefillParams, RemotePrefillRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vllm import AsyncEngineArgs, SamplingParams, TokensPrompt

HANDOFF_SECONDS = 30.0
LONGEST_ANSWER = 32
FIRST_ID, IDS = 400, 1000
"""Answers are made of these many token ids, from this one on: none of them ends an answer."""


@dataclass
class Answer:
    token_ids: list[int]
    finish_reason: str | None


@dataclass
class Output:
    request_id: str
    outputs: list[Answer]


class StandIn:
    def __init__(self, args: AsyncEngineArgs) -> None:
        self._args = args
        self._id = str(uuid4())
        self._numbers = count()
        self._awaited: dict[str, asyncio.Future[list[str]]] = {}
        self._others: dict[str, tuple[str, int]] = {}
        self.nixl_metadata = NixlMetadata(self._id, [], [], 0)

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        address = "{}:{}".format(*server.sockets[0].getsockname())
        self.nixl_metadata = NixlMetadata(self._id, [address.encode()], [], 1024)
        self._report("loaded", "", tokens=0)
        return server

    async def add_remote_nixl_metadata(self, metadata: NixlMetadata) -> None:
        host, _, port = metadata.agent_metadata[0].decode().rpartition(":")
        self._others[metadata.engine_id] = host, int(port)

    def set_metrics_publisher(self, publisher: object) -> None:
        publisher.publish(0, 8, 0, 1024, 0, 0.0, 0.0)  # type: ignore[attr-defined]

    async def generate(
        self,
        prompt: TokensPrompt,
        sampling_params: SamplingParams,
        request_id: str,
        remote_prefill_params: RemotePrefillParams | None = None,
    ) -> AsyncIterator[Output]:
        ids, how = prompt["prompt_token_ids"], remote_prefill_params or RemotePrefillParams()
        if how.is_remote_prefill:
            blocks = await self._handed(request_id, ids, sampling_params, how)
        else:
            blocks = blocks_of(ids, self._args.block_size)
            self._report("computed", request_id, tokens=len(ids))
        if how.is_remote_decode:
            await self._hand(request_id, blocks, how)
        longest = min(sampling_params.max_tokens or LONGEST_ANSWER, LONGEST_ANSWER)
        first, answer = int(blocks[-1], 16), Answer([], None)
        for number in range(longest):
            answer.token_ids.append(FIRST_ID + (first + number) % IDS)
            if number == longest - 1:
                answer.finish_reason = "length"
            yield Output(request_id, [answer])
            await asyncio.sleep(0)

    async def _handed(
        self, request_id: str, ids: list[int], sampling: SamplingParams, how: RemotePrefillParams
    ) -> list[str]:
        """Have another engine compute a prompt, and wait for its blocks."""
        assert how.remote_prefill_request_callback is not None
        future: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._awaited[request_id] = future
        own = [next(self._numbers) for _ in blocks_of(ids, self._args.block_size)]
        request = RemotePrefillRequest(self._id, request_id, ids, sampling, own, [])
        self._report("asked", request_id, tokens=len(ids))
        await how.remote_prefill_request_callback(request)
        try:
            blocks = await asyncio.wait_for(future, HANDOFF_SECONDS)
        finally:
            del self._awaited[request_id]
        if blocks != blocks_of(ids, self._args.block_size):
            raise RuntimeError("these are not the blocks of the prompt")
        self._report("received", request_id, tokens=len(ids))
        return blocks

    async def _hand(self, request_id: str, blocks: list[str], how: RemotePrefillParams) -> None:
        """Write a prompt's blocks to the engine that asked for them."""
        address = self._others[str(how.decode_engine_id)]
        reader, writer = await asyncio.open_connection(*address)
        sent = dict(zip(map(str, how.decode_block_ids or ()), blocks, strict=True))
        # Before it is: who asked answers as soon as it has come.
        self._report("wrote", request_id, tokens=0)
        writer.write(json.dumps({"request": request_id, "blocks": sent}).encode() + b"\n")
        await writer.drain()
        await reader.read()  # It is closed by who took them.
        writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = json.loads(await reader.readline())
        self._awaited[sent["request"]].set_result(list(sent["blocks"].values()))
        writer.close()

    def _report(self, did: str, request_id: str, *, tokens: int) -> None:
        folder = os.environ.get("VLLM_STAND_IN_REPORT")
        if folder is None:
            return
        line = {"engine": self._id, "did": did, "request": request_id, "tokens": tokens}
        with (Path(folder) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def blocks_of(ids: list[int], size: int) -> list[str]:
    """Return the blocks of a prompt."""
    blocks = [""]
    for start in range(0, max(len(ids), 1), size):
        text = f"{blocks[-1]} {ids[start : start + size]}"
        blocks.append(blake2b(text.encode(), digest_size=8).hexdigest())
    return blocks[1:]


@asynccontextmanager
async def build_async_engine_client_from_engine_args(
    engine_args: AsyncEngineArgs,
) -> AsyncIterator[StandIn]:
    engine = StandIn(engine_args)
    async with await engine.start():
        yield engine
