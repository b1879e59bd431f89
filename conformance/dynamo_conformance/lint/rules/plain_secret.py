"""A secret in a manifest is everyone's who can read it.

Manifests are committed, mailed and shown by `kubectl get -o yaml`; a token written there has to be
revoked. The message does not repeat it.

Fix: put it in a Secret, and take it by `valueFrom.secretKeyRef`, or take the whole Secret by
`envFromSecret` (v1alpha1) or `envFrom` (v1beta1).

PASS:
    env:
      - name: HF_TOKEN
        valueFrom: {secretKeyRef: {name: hf-token-secret, key: HF_TOKEN}}

FAIL:
    env:
      - name: HF_TOKEN
        value: (the token)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.node import Mapping, Scalar, walk
from dynamo_conformance.manifest.placeholder import is_placeholder
from dynamo_conformance.manifest.text_cache import kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.field_words import FieldWords
    from dynamo_conformance.manifest.node import Mark, Path

SEVERITY = Severity.ERROR

_SHAPES = {
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}",
    "an OpenAI-style API key": r"sk-[A-Za-z0-9_-]{20,}",
    "an NVIDIA API key": r"nvapi-[A-Za-z0-9_-]{20,}",
    "a GitHub token": r"(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})",
    "a GitLab token": r"glpat-[A-Za-z0-9_-]{20,}",
    "an AWS access key": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
}
_TOKENS = {
    name: re.compile(rf"(?<![A-Za-z0-9_-])({shape})(?![A-Za-z0-9])")
    for name, shape in _SHAPES.items()
}
_SHORTEST = 20
"""No shape above is shorter; most values in a manifest are."""

_FEWEST_CHARACTERS = 8
"""A real token is random; `sk-aaaa...` and `hf_xxxx...` are not."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|API_?KEY|ACCESS_KEY|PRIVATE_KEY)$", re.IGNORECASE
)
_MODEL_TOKEN = re.compile(
    r"(?:^|_)(?:EOS|BOS|PAD|UNK|SEP|CLS|MASK|STOP|START|END|IMAGE|AUDIO|VIDEO|SPECIAL|PER)_TOKEN$",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(
    r"|empty|none|null|dummy|fake|test|unused|not[-_ ]?(?:needed|used|required)|sk-(?:none|dummy)"
    r"|n/a|true|false|\d+|(?:/|file:|https?://).*",
    re.IGNORECASE,
)


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each secret that is written out."""
    seen: set[Mark] = set()
    for path, node in walk(subject.document.root):
        if isinstance(node, Mapping) and _is_variable(path) and (name := node.string("name")):
            value = node.get("value")
            if isinstance(value, Scalar) and _is_secret(name, value):
                seen.add(value.mark)
                yield _problem(value.mark, name, path, subject.words)
        elif isinstance(node, Scalar) and isinstance(node.value, str) and node.mark not in seen:
            kind = _token(node.value)
            if kind is not None:
                yield _problem(node.mark, kind, path, subject.words)


def _problem(mark: Mark, what: str, path: Path, words: FieldWords) -> Problem:
    taken = f"valueFrom.secretKeyRef or {words.whole_secret}"
    advice = f"keep it in a Secret, and take it with {taken}"
    return Problem(mark, f"{what} is written in plain text; {advice}", path, secret=True)


def _is_variable(path: Path) -> bool:
    return len(path) > 1 and path[-2] in ("env", "envs")


def _is_secret(name: str, value: Scalar) -> bool:
    if _SECRET_NAME.search(name) is None or _MODEL_TOKEN.search(name) is not None:
        return False
    text = str(value.value if value.value is not None else "").strip()
    return _NO_SECRET.fullmatch(text) is None and not ("$(" in text or is_placeholder(text))


@kept
def _token(text: str) -> str | None:
    if len(text) < _SHORTEST:
        return None
    for name, shape in _TOKENS.items():
        for match in shape.finditer(text):
            if name == "a private key" or _is_random(match[1]):
                return name
    return None


def _is_random(token: str) -> bool:
    random = len(set(token)) >= _FEWEST_CHARACTERS and any(char.isdigit() for char in token)
    return random and not token.endswith("EXAMPLE")
