"""Which outputs there are: those of this project, and those of other packages."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

from dynamo_conformance.manifest.suggest import did_you_mean
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_launch.deploy.output import Output

GROUP: Final = "dynamo.deploy.outputs"
"""The entry point group."""

DEFAULT: Final = "k8s"

OWN: Final[Mapping[str, str]] = MappingProxyType({
    "k8s": "dynamo_launch.deploy.outputs.k8s:K8s",
    "compose": "dynamo_launch.deploy.outputs.compose:Compose",
    "slurm": "dynamo_launch.deploy.outputs.slurm:Slurm",
    "local": "dynamo_launch.deploy.outputs.local:Local",
})  # fmt: skip
"""What the entry points of this project say too: looking those up takes longer than the rest."""


def load(name: str) -> Output:
    """Return the output called `name`.

    Raises:
        UsageError: There is none, or it cannot be loaded.
    """
    if name in OWN:
        module, _, attribute = OWN[name].partition(":")
        return cast("Output", getattr(import_module(module), attribute)())
    from importlib.metadata import entry_points

    others = {one.name: one for one in entry_points(group=GROUP)}
    if name not in others:
        known = tuple(dict.fromkeys((*OWN, *sorted(others))))
        hint = did_you_mean(name, known) or f"; there are: {', '.join(known)}"
        raise UsageError(f'unknown target "{name}"{hint}')
    try:
        return cast("Output", others[name].load()())
    except (ImportError, AttributeError) as error:
        value = others[name].value
        raise UsageError(f"target {name}: {value} cannot be loaded: {error}") from error
