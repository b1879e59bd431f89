"""A snapshot of the hub's cache is only in the cache that it was copied from.

`.../models--ORG--NAME/snapshots/HASH` is how one download of one day is called. Any other cache has
another hash, or nothing there.

Fix: write the model's id and, to pin the version, `--revision HASH`; `HF_HOME` says where the
cache is.

PASS:
    args: [--model, Qwen/Qwen3-0.6B]

FAIL:
    args: [--model, /cache/hub/models--Qwen--Qwen3-0.6B/snapshots/(40 hex digits)]
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_SNAPSHOT = re.compile(r"models--([\w.-]+?)--([\w.-]+)/snapshots/[0-9a-f]{40}\b")


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each value that names one download of a model."""
    for path, mark, text in subject.texts:
        match = _SNAPSHOT.search(text)
        if match is not None:
            message = "this snapshot is in no other cache"
            advice = f"write {match[1]}/{match[2]}, and --revision to pin it"
            yield Problem(mark, f"{message}; {advice}", path)
