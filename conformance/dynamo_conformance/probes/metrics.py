"""Prometheus metrics, as text."""

from __future__ import annotations


def sums(text: str, name: str) -> float | None:
    """Return the sum of all series of a metric, or None when there is none."""
    values = [
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith((f"{name}{{", f"{name} "))
    ]
    return sum(values) if values else None
