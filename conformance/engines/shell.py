"""Shell scripts: which programs a shell starts, and with which words, as far as that can be known.

Both branches of a condition that cannot be known are followed; what they leave different is not
known afterwards. What is started there is marked as uncertain.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, Literal

from conformance.engines import shellword
from conformance.engines.shellword import Text, Unknowable, Variables, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tree_sitter import Node, Parser

    from conformance.engines.shellword import Value

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})

_MAX_SCRIPT = 200_000
_MAX_DEPTH = 40
_MAX_STEPS = 5_000
_MAX_ROUNDS = 64
_LOCAL = ("local", "declare", "typeset")
_MAX_CALCULATED = 1_000

Status = bool | None
"""Whether a command succeeds; None when that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that a script starts.

    Attributes:
        words: Its name and its words.
        certain: Whether it is started whatever else happens.
        background: Whether the script goes on at once.
        environment: What the script sets or changes of its environment.
        folder: Where `cd` went before, or None; `..` and the like as written.
    """

    words: tuple[Text, ...]
    certain: bool
    background: bool
    environment: tuple[tuple[str, Text], ...]
    folder: Text | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """What surrounds a shell: the container's environment.

    Attributes:
        known: Variables with their values.
        unknown: Variables whose values are not known here, and may hold white space.
        single: Variables whose values are not known here, and are one word.
        open: Whether there may be any other variable.
    """

    known: tuple[tuple[str, str], ...] = ()
    unknown: frozenset[str] = frozenset()
    single: frozenset[str] = frozenset()
    open: bool = False


def is_shell(words: Sequence[str]) -> bool:
    """Whether a command line starts a shell."""
    return bool(words) and words[0].rpartition("/")[2] in SHELLS


def script_at(words: Sequence[str]) -> int | None:
    """Return which of a shell's words is the script of `-c`, or None when there is none."""
    has_script = False
    at = 1
    while at < len(words):
        word = words[at]
        if word in ("--", "-"):
            at += 1
            break
        if word.startswith("--"):
            at += 2 if word in ("--rcfile", "--init-file") else 1
            continue
        if len(word) < 2 or word[0] not in "-+":  # noqa: PLR2004 - a sign and a letter
            break
        has_script |= word[0] == "-" and "c" in word
        at += 1 + len(re.findall("[oO]", word))
    return at if has_script and at < len(words) else None


@lru_cache(maxsize=512)
def run(words: tuple[str, ...], outer: Outer) -> tuple[Program, ...] | None:
    """Return what a shell's command line starts.

    Args:
        words: The shell and its words, as the container is given them.
        outer: The container's environment.

    Returns:
        The programs in the order in which they are started, or None when the script cannot be read.
    """
    values: dict[str, Value] = {name: Text(text) for name, text in outer.known}
    for name in outer.unknown | outer.single:
        values[name] = unknown(name, many=name in outer.unknown)
    variables = Variables(values, exported=frozenset(values), open_=outer.open, single=outer.single)
    runner = _Runner(dict(values))
    texts = [Text(word, origin=at) for at, word in enumerate(words)]
    try:
        runner.shell(texts, _State(variables))
    except (Unknowable, RecursionError):
        return None
    return tuple(runner.programs)


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


@lru_cache(maxsize=256)
def _parse(script: str) -> Node:
    """Return the syntax tree of a script.

    Raises:
        Unknowable: It is none, or too large.
    """
    if len(script) > _MAX_SCRIPT or "\0" in script:
        raise Unknowable
    root = _parser().parse(script.encode("utf-8", "replace")).root_node
    if root.has_error:
        raise Unknowable
    return root


class _State:
    """What a shell holds at one place of its script."""

    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.functions: dict[str, Node] = {}
        self.certain = True
        self.background = False
        self.ended = False
        self.exports_all = False
        self.folder: Text | None = None

    def copy(self) -> _State:
        """Return a state that can go another way."""
        old = self.variables
        new = _State(
            Variables(
                dict(old.values),
                positional=old.positional,
                zero=old.zero,
                exported=old.exported,
                open_=old.open,
                splits=old.splits,
                single=old.single,
            )
        )
        new.functions = dict(self.functions)
        new.certain, new.background, new.ended = self.certain, self.background, self.ended
        new.exports_all, new.folder = self.exports_all, self.folder
        return new

    def become(self, other: _State) -> None:
        """Go on as `other`."""
        self.variables, self.functions = other.variables, other.functions
        self.certain, self.ended = other.certain, other.ended
        self.exports_all, self.folder = other.exports_all, other.folder

    def join(self, ways: Sequence[_State]) -> None:
        """Go on after one of several ways; whatever they leave different is not known."""
        left = [way for way in ways if not way.ended]
        if not left:
            self.ended = True
            return
        first, *others = left
        for other in others:
            first.merge(other)
        if others:
            first.certain = self.certain and len(left) == len(ways)
        self.become(first)

    def merge(self, other: _State) -> None:
        """Forget what is not the same in `other`."""
        mine, theirs = self.variables, other.variables
        for name in {**mine.values, **theirs.values}:
            if (
                _absent(mine, name)
                or _absent(theirs, name)
                or (mine.values[name] != theirs.values[name])
            ):
                mine.values[name] = _forgotten(name, mine.values.get(name), theirs.values.get(name))
        if mine.positional != theirs.positional:
            mine.positional = None
        mine.exported |= theirs.exported
        mine.open |= theirs.open
        mine.splits &= theirs.splits
        self.exports_all |= other.exports_all
        self.functions |= other.functions
        if self.folder != other.folder:
            self.folder = Text("$PWD", known=False)

    def forget(self) -> None:
        """Know nothing of any variable any more: something that cannot be read has run."""
        for name, value in self.variables.values.items():
            self.variables.values[name] = _forgotten(name, value)
        self.variables.open = True
        self.variables.positional = None
        self.variables.splits = False


def _absent(variables: Variables, name: str) -> bool:
    return name not in variables.values


def _forgotten(name: str, *values: Value) -> Value:
    if any(isinstance(value, tuple) for value in values):
        return (Text(f"${{{name}[@]}}", known=False, many=True),)
    return unknown(name, many=True)


@dataclass
class _Runner:
    """Follows a script and gathers what it starts."""

    outer: Mapping[str, Value]
    programs: list[Program] = field(default_factory=list)
    depth: int = 0
    steps: int = 0
    scopes: list[dict[str, Value | Literal["absent"]]] = field(default_factory=list)
    """For each function that is being called, what its own variables were outside of it."""

    def shell(self, words: Sequence[Text], state: _State) -> bool:
        """Follow `sh -c SCRIPT`; return whether `words` are that."""
        texts = [word.text for word in words]
        at = script_at(texts) if is_shell(texts) else None
        if at is None or any(word.many or not word.known for word in words[: at + 1]):
            return False
        variables = state.variables
        behind = tuple(words[at + 1 :])
        inner = Variables(
            {name: variables.values.get(name) for name in variables.exported},
            positional=behind[1:],
            zero=behind[0] if behind else words[0],
            exported=variables.exported,
            open_=variables.open,
            splits=not texts[0].endswith("zsh"),
            single=variables.single,
        )
        if behind and behind[0].many:
            inner.positional, inner.zero = None, None
        below = _State(inner)
        below.certain, below.background = state.certain, state.background
        below.folder = state.folder
        self.script(words[at].text, below)
        return True

    def script(self, script: str, state: _State) -> Status:
        """Follow a script."""
        plain = script.strip()
        if _PLAIN_SCRIPT.fullmatch(plain) and not _KEYWORD.match(plain):
            return self.simple([Text(word) for word in plain.split()], state)
        return self.block(_parse(script).children, state)

    def block(self, nodes: Iterable[Node], state: _State) -> Status:
        """Follow statements, one after the other."""
        status: Status = True
        nodes = list(nodes)
        for place, node in enumerate(nodes):
            if state.ended:
                break
            if not node.is_named or node.type == "comment":
                continue
            following = nodes[place + 1].type if place + 1 < len(nodes) else ""
            if following == "&":
                self._aside(node, state, background=True)
                status = True
            else:
                status = self.statement(node, state)
        return status

    def statement(self, node: Node, state: _State) -> Status:
        """Follow one statement.

        Raises:
            Unknowable: There are too many, or they are nested too deep.
        """
        self.steps += 1
        self.depth += 1
        if self.depth > _MAX_DEPTH or self.steps > _MAX_STEPS:
            raise Unknowable
        follow = _STATEMENTS.get(node.type)
        if follow is None:
            raise Unknowable
        status = follow(self, node, state)
        self.depth -= 1
        return status

    def _aside(self, node: Node, state: _State, *, background: bool = False) -> Status:
        """Follow what runs in a shell of its own: it changes nothing here."""
        other = state.copy()
        other.background |= background
        return self.statement(node, other)

    def _either(self, state: _State, *ways: Callable[[_State], Status] | None) -> None:
        """Follow several ways of which one is taken; None stands for doing nothing."""
        states = [state.copy() for _ in ways]
        for way, one in zip(ways, states, strict=True):
            one.certain = False
            if way is not None:
                way(one)
        state.join(states)

    # What a script is made of.

    def follow_subshell(self, node: Node, state: _State) -> Status:
        return self.block(node.children, state.copy())

    def follow_group(self, node: Node, state: _State) -> Status:
        if node.children and node.children[0].type == "((":
            self._calculated(_text(node), state)
            return None
        return self.block(node.children, state)

    def _calculated(self, text: str, state: _State) -> None:
        if len(text) > _MAX_CALCULATED:
            raise Unknowable
        for name in re.findall(
            r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\s*(?:[-+*/%&|^<>]*=(?!=)|\+\+|--)", text
        ):
            state.variables.assign(name, unknown(name, many=False))
        for name in re.findall(r"(?:\+\+|--)\s*([A-Za-z_]\w*)", text):
            state.variables.assign(name, unknown(name, many=False))

    def follow_pipeline(self, node: Node, state: _State) -> Status:
        status: Status = None
        for child in node.named_children:
            if child.type != "comment":
                status = self._aside(child, state)
        return status

    def follow_negated(self, node: Node, state: _State) -> Status:
        status = self.block(node.named_children, state)
        return None if status is None else not status

    def follow_list(self, node: Node, state: _State) -> Status:
        """Follow `a && b || c`: one way where all went well so far, one where it did not."""
        good: _State | None = state.copy()
        bad: _State | None = None
        for sign, item in _chain(node):
            source, other = (good, bad) if sign == "&&" else (bad, good)
            if source is None:
                continue
            status = self.statement(item, source)
            well, ill = _split(source, status)
            if sign == "&&":
                good, bad = well, _joined(other, ill)
            else:
                good, bad = _joined(other, well), ill
        state.join([one for one in (good, bad) if one is not None])
        if good is not None and bad is not None:
            return None
        return good is not None

    def follow_if(self, node: Node, state: _State) -> Status:
        return self._branches(_branches(node), state)

    def _branches(self, branches: Sequence[tuple[list[Node], list[Node]]], state: _State) -> Status:
        if not branches:
            return True
        (condition, body), *others = branches
        status: Status = True if not condition else self.block(condition, state)
        if state.ended:
            return None
        if status is True:
            return self.block(body, state)
        if status is False:
            return self._branches(others, state)
        self._either(
            state, lambda one: self.block(body, one), lambda one: self._branches(others, one)
        )
        return None

    def follow_case(self, node: Node, state: _State) -> Status:
        value = node.child_by_field_name("value")
        subject = shellword.value(_text(value), state.variables) if value is not None else None
        items = [child for child in node.named_children if child.type == "case_item"]
        possible: list[Node] = []
        for item in items:
            matches = self._matches(item, subject, state)
            if matches is not False:
                possible.append(item)
            if matches:
                break
        else:
            possible.append(node)  # None of them may match.
        if len(possible) == 1:
            return self._item(possible[0], state)
        self._either(state, *(partial(self._item, item) for item in possible))
        return None

    def _item(self, item: Node, state: _State) -> Status:
        if item.type != "case_item":
            return True
        if any(child.type in (";&", ";;&") for child in item.children):
            raise Unknowable
        body = dropwhile(lambda child: child.type != ")", item.children)
        return self.block(list(body)[1:], state)

    def _matches(self, item: Node, subject: Text | None, state: _State) -> Status:
        text = _text(item)
        head = text[: shellword.closing(f"({text}", 0) - 1] if not text.startswith("(") else ""
        patterns = [one.strip() for one in head.split("|")]
        if text.startswith("("):
            return None
        if "*" in patterns:
            return True
        if subject is None or not subject.known:
            return None
        plain = [shellword.value(one, state.variables) for one in patterns]
        if any(not one.known or re.search(r"[*?\[\\]", one.text) for one in plain):
            return None
        return subject.text in [one.text for one in plain]

    def follow_for(self, node: Node, state: _State) -> Status:
        name = _text(node.child_by_field_name("variable"))
        has_list = any(child.type == "in" for child in node.children)
        values = node.children_by_field_name("value")
        items = [one for value in values for one in shellword.words(_text(value), state.variables)]
        body = node.child_by_field_name("body")
        if body is None or node.children[0].type != "for":
            raise Unknowable
        if not has_list:
            items = list(state.variables.positional or (Text("$@", known=False, many=True),))
        jumps = re.search(r"\b(?:break|continue|return)\b", _text(body))
        if any(item.many for item in items) or len(items) > _MAX_ROUNDS or jumps:
            self._loop(body, state, names=(name,))
            return None
        for item in items:
            if not state.ended:
                state.variables.assign(name, item)
                self.statement(body, state)
        return None

    def follow_while(self, node: Node, state: _State) -> Status:
        self._loop(node, state)
        return None

    def _loop(self, body: Node, state: _State, names: Iterable[str] = ()) -> None:
        """Follow something that runs any number of times: what it changes is not known in it."""
        for name in names:
            state.variables.assign(name, unknown(name, many=True))
        before = len(self.programs)
        trial = state.copy()
        self._any_block(body, trial)
        del self.programs[before:]
        ended = trial.ended
        trial.ended = False
        changed = state.copy()
        changed.merge(trial)
        changed.certain = state.certain
        state.become(changed)
        again = state.copy()
        again.certain = False
        self._any_block(body, again)
        if ended:
            state.certain = False

    def _any_block(self, node: Node, state: _State) -> None:
        self.block([child for child in node.children if child.is_named], state)

    def follow_counted(self, node: Node, state: _State) -> Status:
        body = node.child_by_field_name("body")
        if body is None:
            raise Unknowable
        self._calculated(_text(node).partition("))")[0], state)
        self._loop(body, state)
        return None

    def follow_function(self, node: Node, state: _State) -> Status:
        body = node.child_by_field_name("body")
        name = _text(node.child_by_field_name("name"))
        if body is not None:
            state.functions[name] = body
        return True

    def _call(self, body: Node, words: Sequence[Text], state: _State) -> Status:
        before = state.variables.positional
        state.variables.positional = tuple(words)
        self.scopes.append({})
        status = self.statement(body, state)
        for name, value in self.scopes.pop().items():
            if value == "absent":
                state.variables.values.pop(name, None)
            else:
                state.variables.values[name] = value
        if re.search(r"\breturn\b", _text(body)):
            # The function may have ended early, and the script goes on.
            state.ended, status = False, None
            state.forget()
        state.variables.positional = before
        return status

    # Commands.

    def follow_redirected(self, node: Node, state: _State) -> Status:
        body = node.child_by_field_name("body")
        extra = [one for child in node.named_children for one in _behind(child)]
        status: Status = True
        inside = [
            below
            for child in node.named_children
            if child.type == "heredoc_redirect"
            for below in child.named_children
            if below.type in _STATEMENTS and below.type != "heredoc_body"
        ]
        if body is not None and body.type == "command":
            status = self.follow_command(body, state, extra=extra)
        elif extra and body is not None:
            raise Unknowable
        elif body is not None:
            status = self.statement(body, state)
        for below in inside:
            self._either(state, partial(self.statement, below))
        return None if inside else status

    def follow_command(self, node: Node, state: _State, *, extra: Sequence[Node] = ()) -> Status:
        sources: list[Node] = []
        assigned: list[Node] = []
        for child in node.children:
            if child.type == "variable_assignment" and not sources:
                assigned.append(child)
            elif child.type.endswith("_redirect"):
                sources += _behind(child)
            elif child.type != "comment":
                sources.append(child)
        words = [
            word
            for source in (*sources, *extra)
            for word in shellword.words(_text(source), state.variables)
        ]
        if not words:
            for one in assigned:
                self.follow_assign(one, state)
            return True
        given = [(name, value) for one in assigned for name, value in self._pair(one, state)]
        return self.simple(words, state, given=given)

    def simple(
        self,
        words: list[Text],
        state: _State,
        *,
        given: Sequence[tuple[str, Value]] = (),
    ) -> Status:
        """Follow one command, and note it when it starts a program."""
        given = list(given)
        words, replaces = _unwrapped(words, given)
        if not words:
            return True
        name = words[0].text if words[0].known and not words[0].many else ""
        if name in state.functions:
            return self._call(state.functions[name], words[1:], state)
        builtin = _BUILTINS.get(name)
        if builtin is not None:
            self._note(words, state)
            return builtin(self, words, state)
        inner = state if not given else state.copy()
        for key, value in given:
            inner.variables.assign(key, value)
            inner.variables.exported |= {key}
        if not self._shell_behind(words, inner):
            self._note(words, inner)
        if replaces and not state.background:
            state.ended = True
        return None

    def _shell_behind(self, words: list[Text], state: _State) -> bool:
        """Follow a shell that is started, by a program that starts others as well."""
        for at, word in enumerate(words):
            if is_shell([word.text]):
                return self.shell(words[at:], state)
            wraps = word.text.rpartition("/")[2] in _WRAPPERS
            if not (wraps or (at and _OPTION.fullmatch(word.text))):
                return False
        return False

    def _note(self, words: Sequence[Text], state: _State) -> None:
        values = state.variables.values
        changed = [
            # What a script takes away may still come from the image.
            (name, _scalar(values.get(name)) or unknown(name, many=True))
            for name in sorted(state.variables.exported)
            if self.outer.get(name) != values.get(name)
        ]
        self.programs.append(
            Program(
                words=tuple(words),
                certain=state.certain,
                background=state.background,
                environment=tuple(changed),
                folder=state.folder,
            )
        )

    # Variables.

    def _pair(self, node: Node, state: _State) -> list[tuple[str, Value]]:
        """Return the variable that an assignment sets, with its value."""
        name_node = node.child_by_field_name("name")
        source = node.child_by_field_name("value")
        name = _text(name_node)
        if name_node is not None and name_node.type == "subscript":
            array = name.partition("[")[0]
            return [(array, (Text(f"${{{array}[@]}}", known=False, many=True),))]
        head = _text(node)[len(name) : len(name) + 2]
        value = self._value(source, state)
        if head != "+=":
            return [(name, value)]
        before = state.variables.find(name)
        if before is None and name not in state.variables.values:
            before = unknown(name, many=True) if isinstance(value, Text) else ()
        return [(name, _added(before, value))]

    def _value(self, source: Node | None, state: _State) -> Value:
        if source is None:
            return Text("")
        text = _text(source)
        if source.type != "array":
            return shellword.value(text, state.variables)
        if any(child.type == "variable_assignment" for child in source.named_children) or re.match(
            r"\(\s*\[", text
        ):
            return (Text(text, known=False, many=True),)
        return tuple(
            word
            for child in source.children[1:-1]
            if child.type != "comment" and _text(child).strip()
            for word in shellword.words(_text(child), state.variables)
        )

    def follow_assign(self, node: Node, state: _State) -> Status:
        for name, value in self._pair(node, state):
            state.variables.assign(name, value)
            if state.exports_all:
                state.variables.exported |= {name}
        return True if "$(" not in _text(node) and "`" not in _text(node) else None

    def follow_assignments(self, node: Node, state: _State) -> Status:
        for child in node.named_children:
            self.follow_assign(child, state)
        return True

    def follow_declared(self, node: Node, state: _State) -> Status:
        """Follow `export A=x` and its kin."""
        how = node.children[0].type if node.children else ""
        names: list[str] = []
        integers = exports = False
        for child in node.named_children:
            if child.type == "variable_assignment":
                name = _text(child.child_by_field_name("name")).partition("[")[0]
                if how in _LOCAL:
                    self._scope(name, state)
                self.follow_assign(child, state)
                names.append(name)
                continue
            for word in shellword.words(_text(child), state.variables):
                names += self._declare(word, state, how=how)
                if word.text.startswith("-"):
                    integers |= bool(set(word.text) & set("ilnu"))
                    exports |= "x" in word.text
                    how = "" if "g" in word.text else how
        if how == "export" or exports:
            state.variables.exported |= set(names)
        for name in names if integers else ():
            state.variables.assign(name, unknown(name, many=True))
        return True

    def _scope(self, name: str, state: _State) -> None:
        """Note what a variable that a function declares was before."""
        if self.scopes:
            self.scopes[-1].setdefault(name, state.variables.values.get(name, "absent"))

    def _declare(self, word: Text, state: _State, *, how: str) -> list[str]:
        """Set what one word of `export` or `declare` says; return the names it is about."""
        name, equals, rest = word.text.partition("=")
        if word.text.startswith(("-", "+")):
            return []
        if word.many or not re.fullmatch(r"[A-Za-z_]\w*", name):
            state.forget()
            return []
        if how in _LOCAL:
            self._scope(name, state)
        if equals:
            state.variables.assign(name, Text(rest, word.known, many=not word.known))
        elif how == "local":
            state.variables.values[name] = None
        return [name]

    def follow_unset(self, node: Node, state: _State) -> Status:
        for child in node.named_children:
            for word in shellword.words(_text(child), state.variables):
                if word.many or not word.known or not re.fullmatch(r"-?\w+", word.text):
                    state.forget()
                elif not word.text.startswith("-"):
                    state.variables.values[word.text] = None
                    state.functions.pop(word.text, None)
        return True

    # Builtins.

    def do_export(self, words: list[Text], state: _State) -> Status:
        for word in words[1:]:
            names = self._declare(word, state, how=words[0].text)
            state.variables.exported |= set(names) if words[0].text == "export" else set()
        return True

    def do_set(self, words: list[Text], state: _State) -> Status:
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

    def do_shift(self, words: list[Text], state: _State) -> Status:
        items = state.variables.positional
        count = words[1].text if len(words) > 1 else "1"
        if items is None or not count.isdigit() or any(one.many for one in (*items, *words)):
            state.variables.positional = None
            return None
        number = min(int(count), len(items) + 1)
        if number <= len(items):
            state.variables.positional = items[number:]
        return number <= len(items)

    def do_cd(self, words: list[Text], state: _State) -> Status:
        folders = [word for word in words[1:] if word.text == "-" or word.text[:1] != "-"]
        there = folders[0] if len(folders) == 1 else Text("$HOME", known=False)
        if there.text == "-":
            there = Text("$OLDPWD", known=False)
        before = state.folder
        if there.known and not there.text.startswith("/"):
            if before is not None and not before.known:
                there = Text("$PWD", known=False)
            elif before is not None:
                there = Text(f"{before.text.rstrip('/')}/{there.text}")
        state.folder = there
        return None

    def do_ends(self, words: list[Text], state: _State) -> Status:  # noqa: ARG002
        state.ended = True
        return None

    def do_eval(self, words: list[Text], state: _State) -> Status:
        if all(word.known and not word.many for word in words):
            return self.script(" ".join(word.text for word in words[1:]), state)
        state.forget()
        return None

    def do_source(self, words: list[Text], state: _State) -> Status:
        if not (len(words) == 2 and words[1].text.endswith("/bin/activate")):  # noqa: PLR2004
            state.forget()
        return None

    def do_read(self, words: list[Text], state: _State) -> Status:
        """Follow a builtin that sets the variables it names, to what is not known here."""
        if any(not word.known or word.many for word in words):
            state.forget()
            return None
        for word in words[1:]:
            name = re.match(r"[A-Za-z_]\w*", word.text)
            if name is not None:
                value = state.variables.values.get(name[0])
                is_array = words[0].text in ("mapfile", "readarray") or "-a" in [
                    one.text for one in words
                ]
                array: Value = (Text(f"${{{name[0]}[@]}}", known=False, many=True),)
                state.variables.assign(name[0], array if is_array else _forgotten(name[0], value))
        return None

    def do_printf(self, words: list[Text], state: _State) -> Status:
        if len(words) > 1 and words[1].text.startswith("-v"):
            return self.do_read(words, state)
        return True

    def do_true(self, words: list[Text], state: _State) -> Status:  # noqa: ARG002
        return True

    def do_false(self, words: list[Text], state: _State) -> Status:  # noqa: ARG002
        return False

    def do_test(self, words: list[Text], state: _State) -> Status:  # noqa: ARG002
        inner = words[1:]
        if words[0].text == "[" and inner and inner[-1].text == "]":
            inner = inner[:-1]
        return _judged(inner)

    def follow_tested(self, node: Node, state: _State) -> Status:
        """Follow `[ ... ]` and `[[ ... ]]`."""
        text = _text(node).strip()
        double = text.startswith("[[")
        inside = text[2:-2] if double else text[1:-1]
        sources = _pieces(inside)
        if double and (set(sources) & {"=~", "<", ">", "&&", "||", "(", ")"}):
            return None
        if double:
            if any(re.search(r"[*?\[]", source) for source in sources[-1:]):
                return None
            found = [shellword.value(source, state.variables) for source in sources]
            return _judged([Text(one.text, one.known) for one in found])
        return _judged(
            [word for source in sources for word in shellword.words(source, state.variables)]
        )


def _text(node: Node | None) -> str:
    found = node.text if node is not None else None
    return found.decode("utf-8", "replace") if found is not None else ""


def _scalar(value: Value) -> Text | None:
    if isinstance(value, tuple):
        return value[0] if value else None
    return value


def _added(before: Value, more: Value) -> Value:
    """Return what `A+=more` makes of a variable."""
    if isinstance(more, tuple):
        if before is None:
            return more
        items = (*(before if isinstance(before, tuple) else (before,)), *more)
        if len(items) > shellword.MAX_WORDS:
            raise Unknowable
        return items
    if isinstance(before, tuple):
        return (Text("${A[@]}", known=False, many=True),)
    if before is None or more is None:
        return more
    text = before.text + more.text
    if len(text) > shellword.MAX_TEXT:
        raise Unknowable
    may_split = before.many or more.many or before.blank or more.blank
    return Text(text, before.known and more.known, many=may_split)


def _behind(node: Node) -> list[Node]:
    """Return the words that stand behind a redirection, and belong to the command."""
    if not node.type.endswith("_redirect"):
        return []
    if node.type == "file_redirect":
        return node.children_by_field_name("destination")[1:]
    return node.children_by_field_name("argument")


def _split(state: _State, status: Status) -> tuple[_State | None, _State | None]:
    """Return the ways on after a command: where it succeeded, and where it did not."""
    if state.ended:
        return None, None
    if status is not None:
        return (state, None) if status else (None, state)
    other = state.copy()
    state.certain = other.certain = False
    return state, other


def _joined(one: _State | None, other: _State | None) -> _State | None:
    if one is not None and other is not None:
        one.merge(other)
    return one or other


def _chain(node: Node) -> list[tuple[str, Node]]:
    """Return the items of `a && b || c` with the operators before them."""
    items: list[tuple[str, Node]] = []
    while node.type == "list":
        left, right = node.named_children[0], node.named_children[-1]
        sign = next((one.type for one in node.children if one.type in ("&&", "||")), None)
        if sign is None:
            raise Unknowable
        items.append((sign, right))
        node = left
    items.append(("&&", node))
    return items[::-1]


def _branches(node: Node) -> list[tuple[list[Node], list[Node]]]:
    """Return the conditions and bodies of `if`; an empty condition is `else`."""
    clauses = [child for child in node.children if child.type in ("elif_clause", "else_clause")]
    others = (
        _clause(clause) if clause.type == "elif_clause" else ([], clause.children)
        for clause in clauses
    )
    return [_clause(node), *others]


def _clause(node: Node) -> tuple[list[Node], list[Node]]:
    before = list(takewhile(lambda one: one.type != "then", node.children))
    after = node.children[len(before) :]
    body = [one for one in after if one.type not in ("elif_clause", "else_clause")]
    return before, body


def _pieces(text: str) -> list[str]:
    """Return the words of a test as they are written."""
    return [piece[0] for piece in re.finditer(_PIECE, text)]


_PIECE = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\$\([^()]*\)|\$\{[^}]*\}|\\.|[^\s"'])+""", re.DOTALL
)


def _judged(words: Sequence[Text]) -> Status:
    """Return what a test of plain words says, or None."""
    texts = [word.text for word in words]
    if any(word.many or not word.known for word in words):
        return None
    if texts[:1] == ["!"]:
        found = _judged(words[1:])
        return None if found is None else not found
    match texts:
        case [] | [_]:
            return bool(texts and texts[0])
        case ["-n" | "-z" as sign, one]:
            return bool(one) == (sign == "-n")
        case [one, "=" | "==" | "!=" as sign, other]:
            return (one == other) == (sign != "!=")
        case [one, sign, other] if sign in _COMPARES and _WHOLE.fullmatch(f"{one} {other}"):
            return _COMPARES[sign](int(one), int(other))
    return None


_WHOLE = re.compile(r"-?[0-9]{1,15} -?[0-9]{1,15}")
_COMPARES: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-gt": operator.gt,
    "-lt": operator.lt, "-ge": operator.ge, "-le": operator.le,
}  # fmt: skip


def _unwrapped(words: list[Text], given: list[tuple[str, Value]]) -> tuple[list[Text], bool]:
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
                given.append((key, Text(value, first.known, many=not first.known)))
            elif first.text in ("-u", "-a", "-n", "--unset", "-C") and rest:
                if first.text in ("-u", "--unset"):
                    given.append((rest[0].text, None))
                rest = rest[1:]
            elif name.text == "command" and first.text in ("-v", "-V"):
                return [Text(":")], False
        words = rest
    return words, replaces and bool(words)


_BEFORE = frozenset({"exec", "env", "nohup", "time", "command", "builtin", "/usr/bin/env"})
_WRAPPERS = frozenset(
    {
        "chrt", "dumb-init", "ionice", "mpirun", "mpiexec", "nice", "numactl", "setsid", "stdbuf",
        "sudo", "taskset", "timeout", "tini", "trtllm-llmapi-launch", "xargs",
    }
)  # fmt: skip
_OPTION = re.compile(r"-.*|\d+(?:\.\d+)?[smhd]?|\w+=.*")
_PLAIN_SCRIPT = re.compile(r"[\w./+-][\w ./:=,@%+-]*", re.ASCII)
_KEYWORD = re.compile(
    r"(?:(?:if|for|while|until|case|select|function|export|readonly|local|declare|typeset|unset"
    r"|time|coproc|then|do|done|fi|esac|else|elif)\b|[A-Za-z_]\w*\+?=)",
    re.ASCII,
)

_STATEMENTS: Mapping[str, Callable[[_Runner, Node, _State], Status]] = {
    "command": _Runner.follow_command,
    "redirected_statement": _Runner.follow_redirected,
    "variable_assignment": _Runner.follow_assign,
    "variable_assignments": _Runner.follow_assignments,
    "declaration_command": _Runner.follow_declared,
    "unset_command": _Runner.follow_unset,
    "list": _Runner.follow_list,
    "pipeline": _Runner.follow_pipeline,
    "negated_command": _Runner.follow_negated,
    "subshell": _Runner.follow_subshell,
    "compound_statement": _Runner.follow_group,
    "do_group": _Runner.follow_group,
    "if_statement": _Runner.follow_if,
    "case_statement": _Runner.follow_case,
    "for_statement": _Runner.follow_for,
    "c_style_for_statement": _Runner.follow_counted,
    "while_statement": _Runner.follow_while,
    "function_definition": _Runner.follow_function,
    "test_command": _Runner.follow_tested,
}

_BUILTINS: Mapping[str, Callable[[_Runner, list[Text], _State], Status]] = {
    "export": _Runner.do_export,
    "readonly": _Runner.do_export,
    "declare": _Runner.do_export,
    "typeset": _Runner.do_export,
    "local": _Runner.do_export,
    "set": _Runner.do_set,
    "shift": _Runner.do_shift,
    "cd": _Runner.do_cd,
    "pushd": _Runner.do_cd,
    "popd": _Runner.do_cd,
    "exit": _Runner.do_ends,
    "return": _Runner.do_ends,
    "eval": _Runner.do_eval,
    ".": _Runner.do_source,
    "source": _Runner.do_source,
    "read": _Runner.do_read,
    "mapfile": _Runner.do_read,
    "readarray": _Runner.do_read,
    "getopts": _Runner.do_read,
    "let": _Runner.do_read,
    "printf": _Runner.do_printf,
    "echo": _Runner.do_true,
    "true": _Runner.do_true,
    ":": _Runner.do_true,
    "false": _Runner.do_false,
    "test": _Runner.do_test,
    "[": _Runner.do_test,
}
