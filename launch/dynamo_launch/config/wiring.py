"""The words that say which component is meant: `in=http out=dyn`, `--engine vllm`.

A config file and the command line use the same words, so both are checked here.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dynamo_conformance.engines.engine import Engine
from dynamo_conformance.manifest.suggest import did_you_mean, nearest
from dynamo_launch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynamo_launch.config.run_config import Setting, Wiring

FRONTEND_TASK: Final = "frontend"
TASKS: Final = ("agg", "prefill", "decode", "encode", FRONTEND_TASK)
FRONTEND_INPUTS: Final = ("http", "text")
DYN: Final = "dyn"
SCHEME: Final = "dyn://"
ENGINES: Final = tuple(engine.value for engine in Engine)

SIDES: Final[Mapping[str, str]] = {
    "in": "input", "input": "input", "out": "output", "output": "output",
}  # fmt: skip
"""How a side of the wiring may be spelled."""

_ASSIGNMENT = re.compile(r"([A-Za-z_-]+)=(.*)", re.DOTALL)
_NAME = r"[A-Za-z0-9_-]+"
_ENDPOINT = re.compile(rf"dyn://{_NAME}\.{_NAME}\.{_NAME}")
_NAMESPACE = re.compile(rf"dyn://{_NAME}")
_MODULE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")


def split_side(word: str) -> tuple[str, str] | None:
    """Return the side (`input` or `output`) and the value of a word like `in=http`, or None."""
    match = _ASSIGNMENT.fullmatch(word)
    if match is None or match[1] not in SIDES:
        return None
    return SIDES[match[1]], match[2]


def refuse_near_side(word: Setting) -> None:
    """Raise for a word like `inn=http`, which is no model and can only be a misspelled side.

    Raises:
        UsageError: The word looks like a side and is none.
    """
    match = _ASSIGNMENT.fullmatch(word.text)
    if match is None:
        return
    side = nearest(match[1], SIDES)
    hint = f'did you mean "{side}={match[2]}"?' if side else "in=... and out=... are known"
    raise UsageError(f'unknown word "{word.text}"; {hint}', at=word)


def wire(wiring: Wiring, key: str, word: Setting) -> Wiring:
    """Return `wiring` with one more word, checked.

    Args:
        wiring: What the same source has set so far.
        key: input, output, engine, task, model or component.
        word: The value.

    Raises:
        UsageError: The word is unknown, or contradicts an earlier one of the same source.
    """
    if not word.text:
        raise UsageError(f"{key} is empty; give it a value or leave it out", at=word)
    if key == "engine":
        _check_known(word, "engine", ENGINES)
        return _put(wiring, "output", word)
    if key == "task":
        _check_known(word, "task", TASKS)
    elif key == "output":
        _check_output(word)
    elif key == "input":
        _check_input(word)
    elif key == "component":
        _check_component(word)
    return _put(wiring, key, word)


def completed(wiring: Wiring) -> Wiring:
    """Return `wiring` with what `--task frontend` says spelled out: in=http out=dyn."""
    task = wiring.task
    if task is None or task.text != FRONTEND_TASK:
        return wiring
    return replace(
        wiring,
        input=wiring.input or replace(task, text=FRONTEND_INPUTS[0]),
        output=wiring.output or replace(task, text=DYN),
    )


def _put(wiring: Wiring, key: str, word: Setting) -> Wiring:
    before: Setting | None = getattr(wiring, key)
    if before is not None and before.text != word.text:
        raise UsageError(
            f'{key} is "{before.text}" and "{word.text}"; keep one of them',
            at=word,
        )
    return replace(wiring, **{key: word})


def _check_known(word: Setting, what: str, known: tuple[str, ...]) -> None:
    if word.text not in known:
        hint = _pasted(word.text, known) or did_you_mean(word.text, known)
        hint = hint or f"; there are: {', '.join(known)}"
        raise UsageError(f'unknown {what} "{word.text}"{hint}', at=word)


def _pasted(text: str, known: tuple[str, ...]) -> str:
    """Return a hint about a known word with more pasted behind it, or an empty string."""
    start = next((name for name in known if text.startswith(name)), None)
    is_more = start is not None and any(char.isspace() for char in text)
    return f'; write "{start}": what follows was pasted behind it' if is_more else ""


def _check_input(word: Setting) -> None:
    if not word.text.startswith(SCHEME):
        _check_known(word, "input", (*FRONTEND_INPUTS, DYN))
    elif not _ENDPOINT.fullmatch(word.text):
        raise UsageError(
            f'"{word.text}" is no endpoint; write {SCHEME}namespace.component.endpoint',
            at=word,
        )


def _check_output(word: Setting) -> None:
    if not word.text.startswith(SCHEME):
        _check_known(word, "output", (DYN, *ENGINES))
    elif not _NAMESPACE.fullmatch(word.text):
        raise UsageError(
            f'"{word.text}" is no namespace, and a frontend serves every worker of '
            f"one; write {SCHEME}namespace",
            at=word,
        )


def _check_component(word: Setting) -> None:
    if not _MODULE.fullmatch(word.text):
        raise UsageError(
            f'"{word.text}" is no dotted path of a module; write it as for '
            "`python3 -m`, such as components.worker",
            at=word,
        )
