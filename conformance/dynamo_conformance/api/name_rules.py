"""What Kubernetes lets an object, a label and an annotation be called.

The rules are those of k8s.io/apimachinery (`util/validation`), in its words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.api.violation import INVALID, TOO_LONG, Violation
from dynamo_conformance.manifest.node import Mapping, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.manifest.node import Mark, Path

SUBDOMAIN_LENGTH = 253
LABEL_LENGTH = 63
RANDOM_LENGTH = 5
GENERATED_LENGTH = LABEL_LENGTH - RANDOM_LENGTH
"""How much of `generateName` is used; random characters follow."""

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character"
)
_LABEL_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character"
)
_KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character"
)


def is_subdomain(name: str) -> bool:
    """Whether `name` is a lowercase RFC 1123 subdomain, as objects are named."""
    return len(name) <= SUBDOMAIN_LENGTH and _SUBDOMAIN.fullmatch(name) is not None


def name_violations(metadata: Mapping, path: Path) -> Iterator[Violation]:
    """Yield what is wrong with the names in an object's metadata, in document order.

    Args:
        metadata: The object's `metadata`.
        path: Where it stands.
    """
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if isinstance(name, Scalar) and isinstance(name.value, str) and name.value:
        yield from _subdomain(name.value, name.value, (*path, "name"), name.mark)
    if isinstance(prefix, Scalar) and isinstance(prefix.value, str) and prefix.value:
        yield from _generated(prefix.value, (*path, "generateName"), prefix.mark)
    space = metadata.get("namespace")
    if isinstance(space, Scalar) and isinstance(space.value, str) and space.value:
        yield from _namespace(space.value, (*path, "namespace"), space.mark)
    for key in ("labels", "annotations"):
        entries = metadata.mapping(key)
        for entry in entries or ():
            # The API server folds the case of annotation keys before it looks at them.
            text = entry.key if key == "labels" else entry.key.lower()
            yield from key_violations(text, (*path, key), entry.mark)
            if key == "labels" and isinstance(entry.value, Scalar):
                yield from _label(entry.value, (*path, key, entry.key))


def _namespace(name: str, path: Path, mark: Mark) -> Iterator[Violation]:
    if len(name) > LABEL_LENGTH or not _NAMESPACE.fullmatch(name):
        text = f'"{name}": no namespace can be called so; lower case letters, digits and "-"'
        yield Violation(path, mark, INVALID, f"{text}, {LABEL_LENGTH} at most")


def _generated(prefix: str, path: Path, mark: Mark) -> Iterator[Violation]:
    """Yield what is wrong with a prefix, by itself and with five characters after it."""
    # By itself it may end in a dash, which is left out of the check with what stands before it.
    masked = f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
    violations = list(_subdomain(masked, prefix, path, mark))
    yield from violations
    if not violations:
        name = prefix[:GENERATED_LENGTH] + "x" * RANDOM_LENGTH
        yield from _subdomain(name, prefix, path, mark)


def _subdomain(text: str, shown: str, path: Path, mark: Mark) -> Iterator[Violation]:
    if len(text) > SUBDOMAIN_LENGTH:
        message = f"{len(text)} characters; at most {SUBDOMAIN_LENGTH}"
        yield Violation(path, mark, TOO_LONG, message)
    if not _SUBDOMAIN.fullmatch(text):
        suggestion = re.sub(r"[^a-z0-9.-]+", "-", shown.lower()).strip("-.")
        yield Violation(path, mark, INVALID, f'"{shown}": {_SUBDOMAIN_RULE}', suggestion or None)


def key_violations(key: str, path: Path, mark: Mark) -> Iterator[Violation]:
    """Yield what is wrong with a qualified name: the key of a label, or a finalizer."""
    prefix, slash, name = key.rpartition("/")
    if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= SUBDOMAIN_LENGTH):
        yield Violation(path, mark, INVALID, f'"{key}": prefix part {_SUBDOMAIN_RULE}')
    if not _QUALIFIED.fullmatch(name) or len(name) > LABEL_LENGTH:
        rule = f"{_KEY_RULE}, in at most {LABEL_LENGTH} characters"
        yield Violation(path, mark, INVALID, f'"{key}": {rule}')


def _label(node: Scalar, path: Path) -> Iterator[Violation]:
    value = node.value
    if not isinstance(value, str) or not value:
        return  # A value of another type is the schema's finding.
    if not _QUALIFIED.fullmatch(value) or len(value) > LABEL_LENGTH:
        rule = f"{_LABEL_RULE}, in at most {LABEL_LENGTH} characters"
        yield Violation(path, node.mark, INVALID, f'"{value}": {rule}')
