"""Syntax trees of scripts, by tree-sitter: parsed, and taken apart."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING

from dynamo_conformance.engines.shell.word import Unknowable

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_MAX_SCRIPT = 200_000


@cache
def _parser() -> Parser:
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


@lru_cache(maxsize=256)
def parse(script: str) -> Node:
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


def text_of(node: Node | None) -> str:
    """Return how a node is written; nothing for one that is not there."""
    raw = node.text if node is not None else None
    return raw.decode("utf-8", "replace") if raw is not None else ""


def words_behind(node: Node) -> list[Node]:
    """Return the words that stand behind a redirection, and belong to the command."""
    if not node.type.endswith("_redirect"):
        return []
    if node.type == "file_redirect":
        return node.children_by_field_name("destination")[1:]
    return node.children_by_field_name("argument")


def chain(node: Node) -> list[tuple[str, Node]]:
    """Return the items of `a && b || c` with the operators before them."""
    items: list[tuple[str, Node]] = []
    while node.type == "list":
        left, right = node.named_children[0], node.named_children[-1]
        sign = next((child.type for child in node.children if child.type in ("&&", "||")), None)
        if sign is None:
            raise Unknowable
        items.append((sign, right))
        node = left
    items.append(("&&", node))
    return items[::-1]


def branches(node: Node) -> list[tuple[list[Node], list[Node]]]:
    """Return the conditions and bodies of `if`; an empty condition is `else`."""
    clauses = [child for child in node.children if child.type in ("elif_clause", "else_clause")]
    others = (
        _clause(clause) if clause.type == "elif_clause" else ([], clause.children)
        for clause in clauses
    )
    return [_clause(node), *others]


def _clause(node: Node) -> tuple[list[Node], list[Node]]:
    before = list(takewhile(lambda child: child.type != "then", node.children))
    after = node.children[len(before) :]
    body = [child for child in after if child.type not in ("elif_clause", "else_clause")]
    return before, body
