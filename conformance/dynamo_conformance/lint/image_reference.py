"""Image references: what is wrong with one."""

from __future__ import annotations

import re

_LONGEST = 255

_DOMAIN = re.compile(
    r"(\[[0-9a-fA-F:]+\]"
    r"|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)"
    r"(:[0-9]+)?"
)
_PATH = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_SCHEME = re.compile(r"[a-z]+://")
_FILLED_IN = re.compile(r"\$|\{\{")
"""What a template language replaces before Kubernetes sees it."""


def image_fault(text: str) -> str | None:
    """Return what is wrong with an image reference and how to fix it, or None."""
    if not text or _FILLED_IN.search(text):
        return None
    if text != text.strip() or any(char.isspace() for char in text):
        return "there is a space in it; write it without"
    if (scheme := _SCHEME.match(text)) is not None:
        return f'a reference has no scheme; write it without "{scheme[0]}"'
    if any(char in text for char in "\"'"):
        return "there is a quote in it; write it without"
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        return "what follows @ is no digest; write @sha256: and 64 digits"
    return _name_fault(name)


def _name_fault(name: str) -> str | None:
    head, _, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        return f'"{tag}" is no tag; letters, digits, "_", "." and "-" only, at most 128'
    path = f"{head}/{last}" if head else last
    domain, slash, rest = path.partition("/")
    # The first part is a registry when it looks like one; a capital letter makes it look so.
    if slash and (any(char in domain for char in ".:") or domain.lower() != domain):
        if not _DOMAIN.fullmatch(domain):
            return f'"{domain}" is no registry; write registry/repository:tag'
        path = rest
    if path.lower() != path:
        return f'the repository has capital letters; write it "{path.lower()}"'
    if not _PATH.fullmatch(path):
        return f'"{path}" is no repository; write registry/repository:tag'
    return f"longer than {_LONGEST} characters" if len(path) > _LONGEST else None
