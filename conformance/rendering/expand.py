"""`$(NAME)` in commands and values, as the kubelet expands it (and nothing more than it does)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def expand(text: str, env: Mapping[str, str]) -> str:
    """Return `text` with every `$(NAME)` of a known variable replaced.

    `$$` is one dollar sign; a reference to an unknown name stays as it is. A reference ends at the
    first closing bracket, so in `$(( 8 * $(N) ))` nothing is replaced: that is what the kubelet's
    own `expansion.Expand` does.
    """
    out: list[str] = []
    index = 0
    while index < len(text):
        char = text[index]
        following = text[index + 1] if index + 1 < len(text) else ""
        if char != "$" or not following:
            out.append(char)
            index += 1
        elif following == "$":
            out.append("$")
            index += 2
        elif following == "(" and (end := text.find(")", index)) != -1:
            name = text[index + 2 : end]
            out.append(env.get(name, f"$({name})"))
            index = end + 1
        else:
            out.append(char + following)
            index += 2
    return "".join(out)
