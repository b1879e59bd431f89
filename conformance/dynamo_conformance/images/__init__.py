"""Container images of this project, made on this machine: a base image, Python packages, files.

    built = build(Recipe(name="operator", requirements=("kopf>=1.37",), ...), base=base_image())

An image is built once for what goes into it, and found again by its tag. Nothing is fetched while
it is built: packages are installed into a folder here, and copied. `recipe` says what goes in,
`build` builds it with `docker`, on what `base` finds, with the packages that `wheels` installs.
"""

from dynamo_conformance.images.base import DEFAULT_BASE, base_image
from dynamo_conformance.images.build import Built, build
from dynamo_conformance.images.docker import Docker, ImageError
from dynamo_conformance.images.recipe import ROOT, SITE_PACKAGES, ImageSource, Recipe, packages

__all__ = [
    "DEFAULT_BASE",
    "ROOT",
    "SITE_PACKAGES",
    "Built",
    "Docker",
    "ImageError",
    "ImageSource",
    "Recipe",
    "base_image",
    "build",
    "packages",
]
