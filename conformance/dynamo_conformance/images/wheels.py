"""Installing Python packages for a base image, with uv, into a folder of this machine."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

from dynamo_conformance.images.docker import ImageError, call

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.images.base import Python
    from dynamo_conformance.images.recipe import Recipe

SECONDS = 900.0

_LAST_LINES = 15
_OVERRIDE = "UV_OVERRIDE"

WHEELS = "DYN_CONFORMANCE_WHEELS"
"""Names where packages are that are in no index: a folder, or a page that lists them."""

_FIND = "UV_FIND_LINKS"
_READABLE = stat.S_IROTH | stat.S_IRGRP
_SEARCHABLE = _READABLE | stat.S_IXOTH | stat.S_IXGRP


def install(recipe: Recipe, python: Python, *, folder: Path, work: Path) -> None:
    """Install the packages of `recipe` for `python` into `folder`.

    Only wheels are taken: what is compiled here would be for this machine.

    Args:
        recipe: What to install.
        python: For which Python.
        folder: A folder that is made.
        work: A folder for files that are needed on the way.

    Raises:
        ImageError: uv is not there, or finds no packages that fit.
    """
    folder.mkdir(parents=True)
    if not recipe.requirements:
        return
    wanted, overrides = work / "requirements.txt", work / "overrides.txt"
    wanted.write_text("\n".join(recipe.requirements) + "\n", encoding="utf-8")
    overrides.write_text("\n".join(recipe.overrides) + "\n", encoding="utf-8")
    answer = call(
        [
            *(_uv(), "pip", "install", "--quiet", "--no-build", "--no-progress"),
            *("--target", str(folder), "--requirements", str(wanted)),
            *("--overrides", str(overrides)),
            *("--python-version", python.version, "--python-platform", python.platform),
        ],
        seconds=SECONDS,
        env=_environment(),
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines()[-_LAST_LINES:]
        what = f"the packages of the image {recipe.name} cannot be installed"
        raise ImageError(f"{what} for Python {python.version}:\n" + "\n".join(lines))
    (folder / ".lock").unlink(missing_ok=True)
    _open_to_all(folder)


def _environment() -> dict[str, str]:
    """Return uv's environment.

    What the recipe says is all that may be overridden: an image is found again by it.
    """
    env = {key: value for key, value in os.environ.items() if key != _OVERRIDE}
    return env | ({_FIND: env[WHEELS]} if env.get(WHEELS) else {})


def installed(folder: Path) -> tuple[str, ...]:
    """Return what is installed in a folder, as `name==version`, in the order of names."""
    packages = set()
    for one in folder.glob("*.dist-info"):
        name, _, version = one.name.removesuffix(".dist-info").partition("-")
        packages.add(f"{name}=={version}")
    return tuple(sorted(packages))


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        text = "uv is not installed in this environment; install dynamo-conformance[kind], or uv"
        raise ImageError(text) from error


def _open_to_all(folder: Path) -> None:
    """Let every user of the image read what was installed, whatever the umask here is.

    A file may be the very one that uv keeps for other environments, so its mode is not changed: it
    is replaced by a copy.
    """
    for here, _folders, files in os.walk(folder):
        mode = stat.S_IMODE(os.stat(here).st_mode)  # noqa: PTH116 - thousands of them
        if mode & _SEARCHABLE != _SEARCHABLE:
            os.chmod(here, mode | _SEARCHABLE)  # noqa: PTH101 - thousands of them
        for name in files:
            path = f"{here}/{name}"
            mode = stat.S_IMODE(os.stat(path).st_mode)  # noqa: PTH116 - thousands of them
            if mode & _READABLE != _READABLE:
                copy = f"{path}.copy"
                shutil.copyfile(path, copy)
                os.chmod(copy, mode | _READABLE)  # noqa: PTH101 - thousands of them
                os.replace(copy, path)  # noqa: PTH105 - thousands of them
