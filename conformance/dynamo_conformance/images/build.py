"""Building: two images on top of each other, so that a changed source costs a second.

The first holds the packages and is found again by what was asked for; the second holds our files.
Each is built once for its content. What is installed in the first is part of the second's key, and
written into its label.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from dynamo_conformance.images.base import ask_python, find_base
from dynamo_conformance.images.docker import Docker, ImageError
from dynamo_conformance.images.recipe import (
    PROJECT,
    ROOT,
    SITE_PACKAGES,
    digest,
    digest_of_sources,
    is_program,
)
from dynamo_conformance.images.wheels import install, installed

if TYPE_CHECKING:
    from dynamo_conformance.images.base import Base, Python
    from dynamo_conformance.images.recipe import ImageSource, Recipe

NAMES = "dynamo-conformance"
"""What the names of all our images begin with."""

IMAGE = "dynamo-conformance/image"
"""The label that names the recipe an image was made by."""

PACKAGES = "dynamo-conformance/packages"
"""The label that lists what is installed in an image."""

_KEY = 12
_FORM = "1"
"""Part of each key; another number rebuilds all images when this module builds them otherwise."""

_PACKAGES = """\
ARG BASE
FROM ${{BASE}}
USER 0
COPY site-packages {site_packages}
COPY ours.pth {site}/dynamo-conformance.pth
"""
_OURS = """\
ARG BASE
FROM ${{BASE}}
USER 0
COPY root {root}
"""
_COMPILE = "RUN python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash {folder} || true"
"""A container of an image with compiled packages starts in a fraction of the time.

Some packages ship files that are no Python of this version; those are not compiled.
"""


_START = (
    'RUN python3 -c "import pathlib, site; '
    "beside = [pathlib.Path(one, 'dynamo-conformance.pth') for one in site.getsitepackages()]; "
    "(found,) = [one for one in beside if one.exists()]; "
    "found.with_name('dynamo-conformance.start.pth').write_text('import {module}\\n')\""
)
"""Such a file is read after the one that says where our packages are: its name comes later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image of this project.

    Attributes:
        name: Its name with its tag.
        id: The id of its content.
        is_new: Whether it had to be built.
        packages: What is installed in it, as `name==version`.
    """

    name: str
    id: str
    is_new: bool
    packages: tuple[str, ...]


def build(recipe: Recipe, *, base: str, docker: Docker | None = None) -> Built:
    """Return the image of a recipe; it is built when the engine does not have it.

    Args:
        recipe: What goes into it.
        base: The name of the image that it is built on; see `base_image`.
        docker: The engine to use.

    Raises:
        ImageError: There is no engine, no base image, or something cannot be installed.
    """
    engine = docker or Docker()
    engine.check()
    base_image = find_base(engine, base)
    below, packages = _with_packages(recipe, base_image, engine)
    dockerfile = _dockerfile(recipe)
    key = digest(
        _FORM, base_image.id, *packages, *recipe.python_path(), digest_of_sources(recipe.sources),
        dockerfile,
    )  # fmt: skip
    name = f"{NAMES}/{recipe.name}:{key[:_KEY]}"
    is_new = engine.inspect(name) is None
    if is_new:
        with TemporaryDirectory(prefix="dynamo-image-") as folder:
            work = Path(folder)
            (work / "Dockerfile").write_text(dockerfile, encoding="utf-8")
            _copy_sources(recipe, work)
            engine.build(work, tag=name, base=below, labels={IMAGE: recipe.name})
    image = engine.inspect(name)
    if image is None:
        raise ImageError(f"{name} was built, and is gone again; is something removing images?")
    return Built(name=name, id=image.id, is_new=is_new, packages=packages)


def _with_packages(recipe: Recipe, base: Base, docker: Docker) -> tuple[str, tuple[str, ...]]:
    """Return the image that holds the packages of `recipe`, and what is installed in it."""
    asked = (*recipe.requirements, "", *recipe.overrides, "", *recipe.python_path())
    name = f"{NAMES}/packages:{digest(_FORM, base.id, *asked)[:_KEY]}"
    image = docker.inspect(name)
    if image is not None and PACKAGES in image.labels:
        return name, tuple(json.loads(image.labels[PACKAGES]))
    python = ask_python(docker, base)
    with TemporaryDirectory(prefix="dynamo-image-") as folder:
        work = Path(folder)
        context = work / "context"
        site_packages = context / "site-packages"
        install(recipe, python, folder=site_packages, work=work)
        _write_packages(context, recipe, python)
        packages = installed(site_packages)
        labels = {IMAGE: "packages", PACKAGES: json.dumps(packages)}
        docker.build(context, tag=name, base=base.name, labels=labels)
    return name, packages


def _write_packages(context: Path, recipe: Recipe, python: Python) -> None:
    """Write what belongs beside the packages: the Dockerfile, and how Python finds them.

    A `.pth` file rather than PYTHONPATH: manifests may set that variable.
    """
    text = _PACKAGES.format(site_packages=SITE_PACKAGES, site=python.site)
    text += _COMPILE.format(folder=SITE_PACKAGES) + "\n"
    (context / "Dockerfile").write_text(text, encoding="utf-8")
    paths = "\n".join(recipe.python_path()) + "\n"
    (context / "ours.pth").write_text(paths, encoding="utf-8")


def _dockerfile(recipe: Recipe) -> str:
    """Return the Dockerfile of the second image; its folder is laid out by `_copy_sources`."""
    elsewhere = [
        f"COPY {index} {source.to}"
        for index, source in enumerate(recipe.sources)
        if not _is_in_root(source)
    ]
    settings = [f"ENV {key}={json.dumps(value)}" for key, value in recipe.environment.items()]
    start = [_START.format(module=recipe.start)] if recipe.start else []
    lines = [*elsewhere, _COMPILE.format(folder=PROJECT), *settings, *start, *recipe.lines]
    return _OURS.format(root=ROOT) + "".join(f"{line}\n" for line in lines)


def _copy_sources(recipe: Recipe, context: Path) -> None:
    """Copy the files of this project as they are to lie in the image, for all users to read.

    What goes elsewhere than into our own folder is copied by itself, so that folders which the base
    image has stay as they are.
    """
    (context / "root" / PROJECT.removeprefix(f"{ROOT}/")).mkdir(parents=True)
    for index, source in enumerate(recipe.sources):
        is_ours = _is_in_root(source)
        folder, above = (context / "root", ROOT) if is_ours else (context / str(index), source.to)
        for path, to in source.files():
            target = folder / to.removeprefix(above).lstrip("/") if to != above else folder
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o755 if is_program(path) else 0o644)
    for path in context.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)


def _is_in_root(source: ImageSource) -> bool:
    return source.to.startswith(f"{ROOT}/")
