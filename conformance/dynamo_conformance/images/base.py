"""The base image: what every image of this project is built on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.images.docker import ImageError

if TYPE_CHECKING:
    from dynamo_conformance.images.docker import Docker

DEFAULT_BASE = "python:3.11-slim"
VARIABLE = "DYN_CONFORMANCE_BASE_IMAGE"

_ASK = (
    "import json, platform, site, sys; "
    "print(json.dumps([list(sys.version_info[:2]), site.getsitepackages()[0], "
    "platform.libc_ver()[1]]))"
)
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "aarch64"}
_LIBC = "2.28"
"""What wheels are chosen for when the base does not tell the version of its C library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base image.

    Attributes:
        name: The name it was asked for by.
        id: The id of its content.
        architecture: As Docker spells it (amd64, arm64).
    """

    name: str
    id: str
    architecture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """The Python of a base image.

    Attributes:
        version: MAJOR.MINOR.
        site: The folder in which it looks for packages, and for `.pth` files.
        platform: For which platform packages are chosen, as uv spells it.
    """

    version: str
    site: str
    platform: str


def base_image(name: str | None = None) -> str:
    """Return the base image's name: `name`, or the environment's, or the default."""
    return name or os.environ.get(VARIABLE) or DEFAULT_BASE


def find_base(docker: Docker, name: str) -> Base:
    """Return a base image, which is fetched when this machine does not have it.

    Raises:
        ImageError: It is nowhere to be found.
    """
    image = docker.inspect(name)
    if image is None:
        reason = docker.pull(name)
        image = docker.inspect(name)
        if image is None:
            text = (
                f"the base image {name} is not on this machine and cannot be fetched ({reason}); "
                f"name one that is there in {VARIABLE}: any image with Python 3.10 or later"
            )
            raise ImageError(text)
    return Base(name=name, id=image.id, architecture=image.architecture)


def ask_python(docker: Docker, base: Base) -> Python:
    """Return what a base image's `python3` says of itself.

    Raises:
        ImageError: It has none.
    """
    answer = docker.run(base.name, "python3", "-c", _ASK)
    try:
        (major, minor), site, libc = json.loads(answer)
    except (ValueError, TypeError) as error:
        text = f"the base image {base.name} has no python3 that answers; name another in {VARIABLE}"
        raise ImageError(text) from error
    machine = _ARCHITECTURES.get(base.architecture, base.architecture)
    manylinux = str(libc or _LIBC).replace(".", "_")
    return Python(
        version=f"{major}.{minor}", site=str(site), platform=f"{machine}-manylinux_{manylinux}"
    )
