"""Names inside a pod: what Kubernetes takes for a label, a subdomain and a port name."""

from __future__ import annotations

import re

from dynamo_conformance.api.name_rules import LABEL_LENGTH, SUBDOMAIN_LENGTH, is_subdomain

PORT_LENGTH = 15

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_PORT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

_LABEL_RULE = "lower case letters, digits and inner dashes only"


def label_fault(text: str) -> str | None:
    """Return why `text` is no DNS label (RFC 1123), or None when it is one."""
    if len(text) > LABEL_LENGTH:
        return f"{len(text)} characters, at most {LABEL_LENGTH}"
    return None if _LABEL.fullmatch(text) else _LABEL_RULE


def subdomain_fault(text: str) -> str | None:
    """Return why `text` is no DNS subdomain (RFC 1123), or None when it is one."""
    if len(text) > SUBDOMAIN_LENGTH:
        return f"{len(text)} characters, at most {SUBDOMAIN_LENGTH}"
    return None if is_subdomain(text) else f"{_LABEL_RULE}, in parts joined by dots"


def value_fault(text: str) -> str | None:
    """Return why `text` is no label value, or None when it is one."""
    if len(text) > LABEL_LENGTH:
        return f"{len(text)} characters, at most {LABEL_LENGTH}"
    if _VALUE.fullmatch(text):
        return None
    return "letters, digits and inner '-', '_', '.' only"


def port_fault(text: str) -> str | None:
    """Return why `text` is no name of a port (RFC 6335), or None when it is one."""
    if len(text) > PORT_LENGTH:
        return f"{len(text)} characters, at most {PORT_LENGTH}"
    if not _PORT.fullmatch(text):
        return "lower case letters, digits and single inner dashes only"
    return None if any(char.isalpha() for char in text) else "at least one letter"


def spelt_as_label(text: str) -> str | None:
    """Return a DNS label that reads like `text`, or None when nothing is left of it."""
    spelt = re.sub(r"[^a-z0-9]+", "-", text.lower())[:LABEL_LENGTH].strip("-")
    return spelt or None
