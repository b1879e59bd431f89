"""A relative path begins in the working directory, so it must not repeat it.

With `workingDir: /workspace/examples`, `./examples/agg.yaml` is looked for in
`/workspace/examples/examples`. It is an error when a volume is mounted where the path leads without
the repetition: then that is where the file is.

Fix: write the path as seen from the working directory, or from the root.

PASS:
    workingDir: /workspace/examples
    args: [--extra-engine-args, engine_configs/agg.yaml]
    volumeMounts: [{name: configs, mountPath: /workspace/examples/engine_configs}]

FAIL:
    workingDir: /workspace/examples
    args: [--extra-engine-args, ./examples/engine_configs/agg.yaml]
    volumeMounts: [{name: configs, mountPath: /workspace/examples/engine_configs}]
"""

from __future__ import annotations

from pathlib import PurePosixPath
from posixpath import join, normpath
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import argv, runs_shell
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import Container, Word

SEVERITY = Severity.ERROR


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each path that repeats the end of the folder it begins in, past what is mounted."""
    for part in subject.read_parts:
        main = part.component.main
        folder = _folder(part, main) if main is not None else None
        if main is None or folder is None:
            continue
        mounts = [mount.string("mountPath") for mount in main.node.mappings("volumeMounts")]
        mounted = [normpath(mount) for mount in mounts if mount and normpath(mount) != "/"]
        for word in _words(part, main):
            shorter = _without_repetition(word.text, folder, mounted)
            if shorter is not None:
                path = _path(word.text)
                message = f"{path} begins in {folder}, which it repeats, and nothing is there"
                place = join(folder, shorter)
                yield Problem(word.mark, f"{message}; write {shorter}, or {place}")


def _folder(part: Part, main: Container) -> str | None:
    """Return the folder in which the words are read, or None when it is not known."""
    folder = main.node.string("workingDir") or ""
    if part.command is not None and part.command.folder is not None:
        folder = join(folder, part.command.folder)
    return normpath(folder) if folder.startswith("/") and not unexpanded(folder) else None


def _words(part: Part, main: Container) -> tuple[Word, ...]:
    if part.command is not None:
        return part.command.words
    words = argv(part.component, main)
    return () if runs_shell(words) else words


def _path(text: str) -> str:
    """Return the value of a word, `--flag=` taken off."""
    return text.partition("=")[2] if text.startswith("-") else text


def _without_repetition(text: str, folder: str, mounted: list[str]) -> str | None:
    """Return the path that leads to what is mounted, or None when nothing is wrong with it."""
    path = _path(text)
    if "/" not in path or path.startswith("/") or "://" in path or unexpanded(path):
        return None
    pieces = PurePosixPath(normpath(path)).parts
    around = PurePosixPath(folder).parts
    if _is_mounted(normpath(join(folder, path)), mounted):
        return None
    for count in range(min(len(pieces), len(around)) - 1, 0, -1):
        shorter = "/".join(pieces[count:])
        if around[-count:] == pieces[:count] and _is_mounted(join(folder, shorter), mounted):
            return shorter
    return None


def _is_mounted(path: str, mounted: list[str]) -> bool:
    return any(path == mount or path.startswith(f"{mount}/") for mount in mounted)
