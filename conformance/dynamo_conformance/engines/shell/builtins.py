"""Builtins of shells: what they do to the state of one, and those that stand before a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynamo_conformance.engines.shell.condition import judged
from dynamo_conformance.engines.shell.state import forgotten
from dynamo_conformance.engines.shell.word import ShellText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynamo_conformance.engines.shell.state import State, Status
    from dynamo_conformance.engines.shell.word import Value


def _set(words: list[ShellText], state: State) -> Status:
    texts = [word.text for word in words]
    if any(word.many for word in words) and "--" not in texts:
        state.variables.positional = None
        return True
    at = 1
    while at < len(words) and texts[at][:1] in ("-", "+") and texts[at] not in ("-", "--"):
        if "a" in texts[at]:
            state.exports_all = texts[at].startswith("-")
        at += 1 + len(re.findall("o", texts[at]))
    if at < len(words):
        rest = words[at + 1 :] if texts[at] in ("-", "--") else words[at:]
        state.variables.positional = tuple(rest)
    return True


def _shift(words: list[ShellText], state: State) -> Status:
    items = state.variables.positional
    count = words[1].text if len(words) > 1 else "1"
    if items is None or not count.isdigit() or any(word.many for word in (*items, *words)):
        state.variables.positional = None
        return None
    number = min(int(count), len(items) + 1)
    if number <= len(items):
        state.variables.positional = items[number:]
    return number <= len(items)


def _cd(words: list[ShellText], state: State) -> Status:
    folders = [word for word in words[1:] if word.text == "-" or word.text[:1] != "-"]
    there = folders[0] if len(folders) == 1 else ShellText("$HOME", known=False)
    if there.text == "-":
        there = ShellText("$OLDPWD", known=False)
    before = state.folder
    if there.known and not there.text.startswith("/"):
        if before is not None and not before.known:
            there = ShellText("$PWD", known=False)
        elif before is not None:
            there = ShellText(f"{before.text.rstrip('/')}/{there.text}")
    state.folder = there
    return None


def _ends(_words: list[ShellText], state: State) -> Status:
    state.ended = True
    return None


def _source(words: list[ShellText], state: State) -> Status:
    if not (len(words) == 2 and words[1].text.endswith("/bin/activate")):  # noqa: PLR2004
        state.forget()
    return None


def _read(words: list[ShellText], state: State) -> Status:
    """Follow a builtin that sets the variables it names, to what is not known here."""
    if any(not word.known or word.many for word in words):
        state.forget()
        return None
    for word in words[1:]:
        name = re.match(r"[A-Za-z_]\w*", word.text)
        if name is not None:
            value = state.variables.values.get(name[0])
            is_array = words[0].text in ("mapfile", "readarray") or "-a" in [
                text.text for text in words
            ]
            array: Value = (ShellText(f"${{{name[0]}[@]}}", known=False, many=True),)
            state.variables.assign(name[0], array if is_array else forgotten(name[0], value))
    return None


def _printf(words: list[ShellText], state: State) -> Status:
    if len(words) > 1 and words[1].text.startswith("-v"):
        return _read(words, state)
    return True


def _true(_words: list[ShellText], _state: State) -> Status:
    return True


def _false(_words: list[ShellText], _state: State) -> Status:
    return False


def _test(words: list[ShellText], _state: State) -> Status:
    inner = words[1:]
    if words[0].text == "[" and inner and inner[-1].text == "]":
        inner = inner[:-1]
    return judged(inner)


BUILTINS: Mapping[str, Callable[[list[ShellText], State], Status]] = {
    "set": _set,
    "shift": _shift,
    "cd": _cd,
    "pushd": _cd,
    "popd": _cd,
    "exit": _ends,
    "return": _ends,
    ".": _source,
    "source": _source,
    "read": _read,
    "mapfile": _read,
    "readarray": _read,
    "getopts": _read,
    "let": _read,
    "printf": _printf,
    "echo": _true,
    "true": _true,
    ":": _true,
    "false": _false,
    "test": _test,
    "[": _test,
}


def unwrapped(
    words: list[ShellText], given: list[tuple[str, Value]]
) -> tuple[list[ShellText], bool]:
    """Return the command behind `exec`, `env` and the like, and whether it takes the shell's place.

    Variables that they set are added to `given`.
    """
    replaces = False
    while words and words[0].known and not words[0].many and words[0].text in _BEFORE:
        name, *rest = words
        replaces |= name.text == "exec"
        while (
            rest
            and not rest[0].many
            and (rest[0].text.startswith("-") or (name.text == "env" and "=" in rest[0].text))
        ):
            first, *rest = rest
            key, equals, value = first.text.partition("=")
            if name.text == "env" and equals and not first.text.startswith("-"):
                given.append((key, ShellText(value, first.known, many=not first.known)))
            elif first.text in ("-u", "-a", "-n", "--unset", "-C") and rest:
                if first.text in ("-u", "--unset"):
                    given.append((rest[0].text, None))
                rest = rest[1:]
            elif name.text == "command" and first.text in ("-v", "-V"):
                return [ShellText(":")], False
        words = rest
    return words, replaces and bool(words)


_BEFORE = frozenset({"exec", "env", "nohup", "time", "command", "builtin", "/usr/bin/env"})
