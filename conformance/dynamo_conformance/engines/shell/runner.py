"""Follows a script from statement to statement, and notes what it starts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import dropwhile
from typing import TYPE_CHECKING, Literal

from dynamo_conformance.engines.shell import word as shellword
from dynamo_conformance.engines.shell.builtins import BUILTINS, unwrapped
from dynamo_conformance.engines.shell.condition import judged, pieces
from dynamo_conformance.engines.shell.program import StartedProgram, is_shell, script_at
from dynamo_conformance.engines.shell.state import State, added, joined, scalar, split
from dynamo_conformance.engines.shell.tree import branches, chain, parse, text_of, words_behind
from dynamo_conformance.engines.shell.word import ShellText, Unknowable, Variables, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tree_sitter import Node

    from dynamo_conformance.engines.shell.program import ContainerEnvironment
    from dynamo_conformance.engines.shell.state import Status
    from dynamo_conformance.engines.shell.word import Value

_MAX_DEPTH = 40
_MAX_STEPS = 5_000
_MAX_ROUNDS = 64
_LOCAL = ("local", "declare", "typeset")
_MAX_CALCULATED = 1_000


@lru_cache(maxsize=512)
def run(words: tuple[str, ...], outer: ContainerEnvironment) -> tuple[StartedProgram, ...] | None:
    """Return what a shell's command line starts.

    Args:
        words: The shell and its words, as the container is given them.
        outer: The container's environment.

    Returns:
        The programs in the order in which they are started, or None when the script cannot be read.
    """
    values: dict[str, Value] = {name: ShellText(text) for name, text in outer.known}
    for name in outer.unknown | outer.single:
        values[name] = unknown(name, many=name in outer.unknown)
    variables = Variables(values, exported=frozenset(values), open=outer.open, single=outer.single)
    runner = _Runner(dict(values))
    texts = [ShellText(word, origin=at) for at, word in enumerate(words)]
    try:
        runner.shell(texts, State(variables))
    except (Unknowable, RecursionError):
        return None
    return tuple(runner.programs)


@dataclass
class _Runner:
    """Follows a script and gathers what it starts."""

    outer: Mapping[str, Value]
    programs: list[StartedProgram] = field(default_factory=list)
    depth: int = 0
    steps: int = 0
    scopes: list[dict[str, Value | Literal["absent"]]] = field(default_factory=list)
    """For each function that is being called, what its own variables were outside of it."""

    def shell(self, words: Sequence[ShellText], state: State) -> bool:
        """Follow `sh -c SCRIPT`; return whether `words` are that."""
        texts = [word.text for word in words]
        at = script_at(texts) if is_shell(texts) else None
        if at is None or any(word.many or not word.known for word in words[: at + 1]):
            return False
        variables = state.variables
        behind = tuple(words[at + 1 :])
        inner = replace(
            variables,
            values={name: variables.values.get(name) for name in variables.exported},
            positional=behind[1:],
            zero=behind[0] if behind else words[0],
            splits=not texts[0].endswith("zsh"),
        )
        if behind and behind[0].many:
            inner.positional, inner.zero = None, None
        below = State(
            inner, certain=state.certain, background=state.background, folder=state.folder
        )
        self.script(words[at].text, below)
        return True

    def script(self, script: str, state: State) -> Status:
        """Follow a script."""
        plain = script.strip()
        if _PLAIN_SCRIPT.fullmatch(plain) and not _KEYWORD.match(plain):
            return self.simple([ShellText(word) for word in plain.split()], state)
        return self.block(parse(script).children, state)

    def block(self, nodes: Iterable[Node], state: State) -> Status:
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

    def statement(self, node: Node, state: State) -> Status:
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

    def _aside(self, node: Node, state: State, *, background: bool = False) -> Status:
        """Follow what runs in a shell of its own: it changes nothing here."""
        other = state.copy()
        other.background |= background
        return self.statement(node, other)

    def _either(self, state: State, *ways: Callable[[State], Status] | None) -> None:
        """Follow several ways of which one is taken; None stands for doing nothing."""
        states = [state.copy() for _ in ways]
        for way, branch in zip(ways, states, strict=True):
            branch.certain = False
            if way is not None:
                way(branch)
        state.join(states)

    # What a script is made of.

    def follow_subshell(self, node: Node, state: State) -> Status:
        return self.block(node.children, state.copy())

    def follow_group(self, node: Node, state: State) -> Status:
        if node.children and node.children[0].type == "((":
            self._calculated(text_of(node), state)
            return None
        return self.block(node.children, state)

    def _calculated(self, text: str, state: State) -> None:
        if len(text) > _MAX_CALCULATED:
            raise Unknowable
        for name in re.findall(
            r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\s*(?:[-+*/%&|^<>]*=(?!=)|\+\+|--)", text
        ):
            state.variables.assign(name, unknown(name, many=False))
        for name in re.findall(r"(?:\+\+|--)\s*([A-Za-z_]\w*)", text):
            state.variables.assign(name, unknown(name, many=False))

    def follow_pipeline(self, node: Node, state: State) -> Status:
        status: Status = None
        for child in node.named_children:
            if child.type != "comment":
                status = self._aside(child, state)
        return status

    def follow_negated(self, node: Node, state: State) -> Status:
        status = self.block(node.named_children, state)
        return None if status is None else not status

    def follow_list(self, node: Node, state: State) -> Status:
        """Follow `a && b || c`: one way where all went well so far, one where it did not."""
        good: State | None = state.copy()
        bad: State | None = None
        for sign, item in chain(node):
            source, other = (good, bad) if sign == "&&" else (bad, good)
            if source is None:
                continue
            status = self.statement(item, source)
            well, ill = split(source, status)
            if sign == "&&":
                good, bad = well, joined(other, ill)
            else:
                good, bad = joined(other, well), ill
        state.join([branch for branch in (good, bad) if branch is not None])
        if good is not None and bad is not None:
            return None
        return good is not None

    def follow_if(self, node: Node, state: State) -> Status:
        return self._branches(branches(node), state)

    def _branches(self, branches: Sequence[tuple[list[Node], list[Node]]], state: State) -> Status:
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

    def follow_case(self, node: Node, state: State) -> Status:
        value = node.child_by_field_name("value")
        subject = shellword.value(text_of(value), state.variables) if value is not None else None
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

    def _item(self, item: Node, state: State) -> Status:
        if item.type != "case_item":
            return True
        if any(child.type in (";&", ";;&") for child in item.children):
            raise Unknowable
        body = dropwhile(lambda child: child.type != ")", item.children)
        return self.block(list(body)[1:], state)

    def _matches(self, item: Node, subject: ShellText | None, state: State) -> Status:
        text = text_of(item)
        head = text[: shellword.closing(f"({text}", 0) - 1] if not text.startswith("(") else ""
        patterns = [piece.strip() for piece in head.split("|")]
        if text.startswith("("):
            return None
        if "*" in patterns:
            return True
        if subject is None or not subject.known:
            return None
        plain = [shellword.value(pattern, state.variables) for pattern in patterns]
        if any(not word.known or re.search(r"[*?\[\\]", word.text) for word in plain):
            return None
        return subject.text in [word.text for word in plain]

    def follow_for(self, node: Node, state: State) -> Status:
        name = text_of(node.child_by_field_name("variable"))
        has_list = any(child.type == "in" for child in node.children)
        values = node.children_by_field_name("value")
        items = [
            word for value in values for word in shellword.words(text_of(value), state.variables)
        ]
        body = node.child_by_field_name("body")
        if body is None or node.children[0].type != "for":
            raise Unknowable
        if not has_list:
            items = list(state.variables.positional or (ShellText("$@", known=False, many=True),))
        jumps = re.search(r"\b(?:break|continue|return)\b", text_of(body))
        if any(item.many for item in items) or len(items) > _MAX_ROUNDS or jumps:
            self._loop(body, state, names=(name,))
            return None
        for item in items:
            if not state.ended:
                state.variables.assign(name, item)
                self.statement(body, state)
        return None

    def follow_while(self, node: Node, state: State) -> Status:
        self._loop(node, state)
        return None

    def _loop(self, body: Node, state: State, names: Iterable[str] = ()) -> None:
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

    def _any_block(self, node: Node, state: State) -> None:
        self.block([child for child in node.children if child.is_named], state)

    def follow_counted(self, node: Node, state: State) -> Status:
        body = node.child_by_field_name("body")
        if body is None:
            raise Unknowable
        self._calculated(text_of(node).partition("))")[0], state)
        self._loop(body, state)
        return None

    def follow_function(self, node: Node, state: State) -> Status:
        body = node.child_by_field_name("body")
        name = text_of(node.child_by_field_name("name"))
        if body is not None:
            state.functions[name] = body
        return True

    def _call(self, body: Node, words: Sequence[ShellText], state: State) -> Status:
        before = state.variables.positional
        state.variables.positional = tuple(words)
        self.scopes.append({})
        status = self.statement(body, state)
        for name, value in self.scopes.pop().items():
            if value == "absent":
                state.variables.values.pop(name, None)
            else:
                state.variables.values[name] = value
        if re.search(r"\breturn\b", text_of(body)):
            # The function may have ended early, and the script goes on.
            state.ended, status = False, None
            state.forget()
        state.variables.positional = before
        return status

    # Commands.

    def follow_redirected(self, node: Node, state: State) -> Status:
        body = node.child_by_field_name("body")
        extra = [word for child in node.named_children for word in words_behind(child)]
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

    def follow_command(self, node: Node, state: State, *, extra: Sequence[Node] = ()) -> Status:
        sources: list[Node] = []
        assigned: list[Node] = []
        for child in node.children:
            if child.type == "variable_assignment" and not sources:
                assigned.append(child)
            elif child.type.endswith("_redirect"):
                sources += words_behind(child)
            elif child.type != "comment":
                sources.append(child)
        words = [
            word
            for source in (*sources, *extra)
            for word in shellword.words(text_of(source), state.variables)
        ]
        if not words:
            for child in assigned:
                self.follow_assign(child, state)
            return True
        given = [(name, value) for child in assigned for name, value in self._pair(child, state)]
        return self.simple(words, state, given=given)

    def simple(
        self,
        words: list[ShellText],
        state: State,
        *,
        given: Sequence[tuple[str, Value]] = (),
    ) -> Status:
        """Follow one command, and note it when it starts a program."""
        given = list(given)
        words, replaces = unwrapped(words, given)
        if not words:
            return True
        name = words[0].text if words[0].known and not words[0].many else ""
        if name in state.functions:
            return self._call(state.functions[name], words[1:], state)
        if name in _OWN_BUILTINS:
            self._note(words, state)
            return _OWN_BUILTINS[name](self, words, state)
        if name in BUILTINS:
            self._note(words, state)
            return BUILTINS[name](words, state)
        inner = state if not given else state.copy()
        for key, value in given:
            inner.variables.assign(key, value)
            inner.variables.exported |= {key}
        if not self._shell_behind(words, inner):
            self._note(words, inner)
        if replaces and not state.background:
            state.ended = True
        return None

    def _shell_behind(self, words: list[ShellText], state: State) -> bool:
        """Follow a shell that is started, by a program that starts others as well."""
        for at, word in enumerate(words):
            if is_shell([word.text]):
                return self.shell(words[at:], state)
            wraps = word.text.rpartition("/")[2] in _WRAPPERS
            if not (wraps or (at and _OPTION.fullmatch(word.text))):
                return False
        return False

    def _note(self, words: Sequence[ShellText], state: State) -> None:
        values = state.variables.values
        changed = [
            # What a script takes away may still come from the image.
            (name, scalar(values.get(name)) or unknown(name, many=True))
            for name in sorted(state.variables.exported)
            if self.outer.get(name) != values.get(name)
        ]
        self.programs.append(
            StartedProgram(
                words=tuple(words),
                certain=state.certain,
                background=state.background,
                environment=tuple(changed),
                folder=state.folder,
            )
        )

    # Variables.

    def _pair(self, node: Node, state: State) -> list[tuple[str, Value]]:
        """Return the variable that an assignment sets, with its value."""
        name_node = node.child_by_field_name("name")
        source = node.child_by_field_name("value")
        name = text_of(name_node)
        if name_node is not None and name_node.type == "subscript":
            array = name.partition("[")[0]
            return [(array, (ShellText(f"${{{array}[@]}}", known=False, many=True),))]
        head = text_of(node)[len(name) : len(name) + 2]
        value = self._value(source, state)
        if head != "+=":
            return [(name, value)]
        before = state.variables.find(name)
        if before is None and name not in state.variables.values:
            before = unknown(name, many=True) if isinstance(value, ShellText) else ()
        return [(name, added(before, value))]

    def _value(self, source: Node | None, state: State) -> Value:
        if source is None:
            return ShellText("")
        text = text_of(source)
        if source.type != "array":
            return shellword.value(text, state.variables)
        if any(child.type == "variable_assignment" for child in source.named_children) or re.match(
            r"\(\s*\[", text
        ):
            return (ShellText(text, known=False, many=True),)
        return tuple(
            word
            for child in source.children[1:-1]
            if child.type != "comment" and text_of(child).strip()
            for word in shellword.words(text_of(child), state.variables)
        )

    def follow_assign(self, node: Node, state: State) -> Status:
        for name, value in self._pair(node, state):
            state.variables.assign(name, value)
            if state.exports_all:
                state.variables.exported |= {name}
        return True if "$(" not in text_of(node) and "`" not in text_of(node) else None

    def follow_assignments(self, node: Node, state: State) -> Status:
        for child in node.named_children:
            self.follow_assign(child, state)
        return True

    def follow_declared(self, node: Node, state: State) -> Status:
        """Follow `export A=x` and its kin."""
        how = node.children[0].type if node.children else ""
        names: list[str] = []
        integers = exports = False
        for child in node.named_children:
            if child.type == "variable_assignment":
                name = text_of(child.child_by_field_name("name")).partition("[")[0]
                if how in _LOCAL:
                    self._scope(name, state)
                self.follow_assign(child, state)
                names.append(name)
                continue
            for word in shellword.words(text_of(child), state.variables):
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

    def _scope(self, name: str, state: State) -> None:
        """Note what a variable that a function declares was before."""
        if self.scopes:
            self.scopes[-1].setdefault(name, state.variables.values.get(name, "absent"))

    def _declare(self, word: ShellText, state: State, *, how: str) -> list[str]:
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
            state.variables.assign(name, ShellText(rest, word.known, many=not word.known))
        elif how == "local":
            state.variables.values[name] = None
        return [name]

    def do_export(self, words: list[ShellText], state: State) -> Status:
        for word in words[1:]:
            names = self._declare(word, state, how=words[0].text)
            state.variables.exported |= set(names) if words[0].text == "export" else set()
        return True

    def do_eval(self, words: list[ShellText], state: State) -> Status:
        if all(word.known and not word.many for word in words):
            return self.script(" ".join(word.text for word in words[1:]), state)
        state.forget()
        return None

    def follow_unset(self, node: Node, state: State) -> Status:
        for child in node.named_children:
            for word in shellword.words(text_of(child), state.variables):
                if word.many or not word.known or not re.fullmatch(r"-?\w+", word.text):
                    state.forget()
                elif not word.text.startswith("-"):
                    state.variables.values[word.text] = None
                    state.functions.pop(word.text, None)
        return True

    def follow_tested(self, node: Node, state: State) -> Status:
        """Follow `[ ... ]` and `[[ ... ]]`."""
        text = text_of(node).strip()
        double = text.startswith("[[")
        inside = text[2:-2] if double else text[1:-1]
        sources = pieces(inside)
        if double and (set(sources) & {"=~", "<", ">", "&&", "||", "(", ")"}):
            return None
        if double:
            if any(re.search(r"[*?\[]", source) for source in sources[-1:]):
                return None
            values = [shellword.value(source, state.variables) for source in sources]
            return judged([ShellText(word.text, word.known) for word in values])
        return judged(
            [word for source in sources for word in shellword.words(source, state.variables)]
        )


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

_STATEMENTS: Mapping[str, Callable[[_Runner, Node, State], Status]] = {
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

_OWN_BUILTINS: Mapping[str, Callable[[_Runner, list[ShellText], State], Status]] = {
    **dict.fromkeys(("export", "readonly", *_LOCAL), _Runner.do_export),
    "eval": _Runner.do_eval,
}
"""Builtins that are statements too, or run more of the script."""
