"""Everything in its order: an engine, programs, file systems, images, manifests, settings."""

from __future__ import annotations

import os
import shlex
import shutil
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import engine
import gobuild
import lws
import node
import preload
import rootfs
import wrapper
from command import answer, giving_up
from pins import MODULES, NODE_PACKAGES, PROXY_PACKAGES
from plan import TOOLS, Plan

if TYPE_CHECKING:
    from cache import Cache

BY_NAME = {module.name: module for module in MODULES}
ARCHIVE = "images.tar"


@dataclass(frozen=True)
class Work:
    """A plan, and the cache that it is carried out in."""

    cache: Cache
    plan: Plan

    def run(self) -> dict[str, str]:
        """Have everything ready; what a shell must know of it."""
        self._engine()
        with ThreadPoolExecutor(2) as pool:
            # Go keeps the processors busy, Debian mostly waits for the network and the disk.
            lanes = [pool.submit(self._go_lane), pool.submit(self._debian_lane)]
            done, _ = wait(lanes, return_when=FIRST_EXCEPTION)
            if any(lane.exception() for lane in done):
                giving_up.set()
            for lane in done:
                lane.result()
        plan = self.plan
        engine.have_image(self.cache, "node", plan.node, plan.node_tag, self._make_node)
        tools = self.cache.build("tools", plan.tools, self._make_tools)
        manifests = self.cache.build("lws", plan.manifests, self._make_manifests)
        return {
            "PATH": f"{tools}:$PATH",
            "DYN_CONFORMANCE_NODE_IMAGE": plan.node_tag,
            "DYN_CONFORMANCE_BASE_IMAGE": plan.python_tag,
            "DYN_CONFORMANCE_LWS_MANIFEST": str(manifests / lws.FILE),
        }

    def _engine(self) -> None:
        if engine.answers():
            return
        narrow = None
        if engine.lacks_sys_resource():
            narrow = gobuild.build_own(self.cache, self.plan.go) / "narrow"
        engine.start(self.cache, narrow)

    def _needs_node(self) -> bool:
        return engine.needs_image(self.cache, "node", self.plan.node, self.plan.node_tag)

    def _go_lane(self) -> None:
        if self._needs_node():
            self._programs()
        self.cache.build("tools", self.plan.tools, self._make_tools)

    def _debian_lane(self) -> None:
        if self._needs_node():
            self._proxy()
            rootfs.build(self.cache, "node", NODE_PACKAGES)
        engine.have_image(
            self.cache,
            "python",
            self.plan.python,
            self.plan.python_tag,
            lambda _: rootfs.build_python(self.cache, self.plan.python_tag),
        )

    def _module(self, name: str) -> Path:
        return gobuild.build(self.cache, self.plan.go, BY_NAME[name])

    def _programs(self) -> dict[str, Path]:
        folders = {name: self._module(name) for name in BY_NAME}
        return {**folders, "own": gobuild.build_own(self.cache, self.plan.go)}

    def _proxy(self) -> Path:
        return rootfs.build(self.cache, "proxy", PROXY_PACKAGES, variant=rootfs.UNPACKED)

    def _make_tools(self, folder: Path) -> None:
        for name, module in TOOLS.items():
            shutil.copy2(self._module(module) / name, folder)

    def _make_manifests(self, folder: Path) -> None:
        kubectl = self._module("kubernetes") / "kubectl"
        log = self.cache.log("lws")
        source = wrapper.fetch(BY_NAME["lws"].path, BY_NAME["lws"].version, folder, log)
        lws.render(folder, Path(source.folder), kubectl, log)

    def _make_node(self, folder: Path) -> None:
        programs = preload.Programs(self._programs(), self._proxy())
        images = self.cache.build(
            "images", self.plan.images, lambda at: preload.archive(at / ARCHIVE, programs)
        )
        node.build(
            self.plan.node_tag,
            folder,
            base=rootfs.build(self.cache, "node", NODE_PACKAGES),
            programs=programs,
            images=images / ARCHIVE,
            log=self.cache.log("node"),
        )


def write_settings(file: Path, values: dict[str, str]) -> None:
    """Write `export NAME=VALUE` lines, all of them or none."""
    if answer("docker", "buildx", "version") is None:
        # Without its plugin the client asks for a builder that is not there.
        values = {**values, "DOCKER_BUILDKIT": "0"}
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    lines = [f"export {name}={_quoted(value)}\n" for name, value in values.items()]
    new.write_text("".join(lines), encoding="utf-8")
    new.rename(file)


def _quoted(value: str) -> str:
    """A value as a shell reads it; only what is added to PATH is for the shell to fill in."""
    head, variable, _ = value.partition(":$PATH")
    return shlex.quote(head) + variable
