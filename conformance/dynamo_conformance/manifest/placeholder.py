"""Placeholders: what a template leaves for its user to fill in."""

from __future__ import annotations

import re

from dynamo_conformance.manifest.text_cache import kept

_VERBS = "your|my|insert|replace|change|enter|put|add|path"
_ANGLES = re.compile(
    rf"<(?:{_VERBS})[-_ /][^<>\n]*>"
    r"|^<[A-Za-z][A-Za-z0-9]*(?:[- ][A-Za-z0-9]+)+>$"
    r"|^<(?-i:[A-Z_]*(?:TOKEN|KEY|SECRET|PASSWORD|PATH|URL|MODEL|REGISTRY|NAMESPACE)[A-Z_]*)>$"
    r"|^<(?!(?:AUDIO|BOS|CLS|EOS|IMAGE|IMG|MASK|PAD|SEP|THINK|UNK|VIDEO)>)(?-i:[A-Z][A-Z0-9_-]+)>$",
    re.IGNORECASE,
)
"""A lone `<image>` or `<s>` is a token of some model, so more than one word is asked for."""
_WORDS = re.compile(
    r"(?:change|replace)[-_ ]?(?:me|this)(?:[-_ ].*)?|todo|fixme|tbd|x{3,}"
    r"|(?:hf_|sk-|nvapi-)(?:x{3,}|\.{3})"
    r"|(?:insert|enter|put)[-_ ]your[-_ ].*",
    re.IGNORECASE,
)
_YOURS = re.compile(r"(?:^|[/:=@])your[-_][a-z]", re.IGNORECASE)
_PATHS = re.compile(r"(?:^|[\s=:'\"])/path/to(?:/|$)", re.IGNORECASE)

_HELM = re.compile(r"\{\{-?\s*(?:\.[A-Z]|\$|include |tpl |default |quote )")
_UNFILLED = re.compile(r"\$\{\w[^{}\n]*\}|\{\{.*?\}\}|<[A-Za-z][^<>\n]*>")

_IMAGES = re.compile(
    r"[<>{}$]|(?:^|/)(?:my|your)[-_]?(?:registry|repo|repository|org|image)(?:[/:.]|$)"
    r"|:(?:my|your)[-_]?(?:tag|version)|(?:^|\.)example\.(?:com|org|net)(?::\d+)?/"
    r"|(?:^|[/:])x{3,}(?:[/:]|$)",
    re.IGNORECASE,
)


@kept
def is_placeholder(text: str) -> bool:
    """Return whether a value is, or plainly holds, something to be filled in."""
    stripped = text.strip()
    return (
        _WORDS.fullmatch(stripped) is not None
        or any(pattern.search(stripped) is not None for pattern in (_ANGLES, _YOURS, _PATHS, _HELM))
    )  # fmt: skip


def is_unfilled(text: str) -> bool:
    """Return whether a name, path or number has something to be filled in.

    A program may read `${NAME}`, `{{ x }}` and `<x>` in its words and variables; of other fields
    Kubernetes takes them as they stand.
    """
    return is_placeholder(text) or _UNFILLED.search(text) is not None


def is_image_placeholder(reference: str) -> bool:
    """Return whether an image reference has something to be filled in; nothing expands `$NAME`."""
    return _IMAGES.search(reference.strip()) is not None
