"""The words of each API version, for advice that its author can follow.

A rule that names a field, or writes a line to add, asks the `Vocabulary` of the document for it;
the graph itself is always in v1beta1's shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dynamo_conformance.manifest.document import V1ALPHA1
from dynamo_conformance.manifest.graph import GPU

if TYPE_CHECKING:
    from dynamo_conformance.manifest.node import Path

ALPHA_GPU = "gpu"


class FieldWords(NamedTuple):
    """How the fields of a component are called in one API version.

    Attributes:
        type_field: The field of its type.
        gpu: The key of its GPUs below `resources.limits`.
        env: Its environment, and the graph's.
        whole_secret: What takes all of a Secret into the environment.
    """

    type_field: str
    gpu: str
    env: str
    whole_secret: str

    def typed(self, kind: str) -> str:
        """Return the line, or lines, that make a component one of `kind`."""
        if self.type_field == "type" or kind not in ("prefill", "decode"):
            return f"{self.type_field}: {kind}"
        return f"{self.type_field}: worker and subComponentType: {kind}"

    def gpu_key(self, path: Path) -> str:
        """Return the key of GPUs at `path`, which may be in a container of v1alpha1 too."""
        return str(path[-1]) if path and path[-1] in (ALPHA_GPU, GPU) else self.gpu


_ALPHA = FieldWords("componentType", ALPHA_GPU, "envs", "envFromSecret")
_BETA = FieldWords("type", GPU, "env", "envFrom")


def words_of(version: str | None) -> FieldWords:
    """Return the words of an API version; those of v1beta1 for one that is not known."""
    return _ALPHA if version == V1ALPHA1 else _BETA
