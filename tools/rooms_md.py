"""Write the picture and the table of rooms in docs/architecture.md, from imports and docstrings.

python tools/rooms_md.py [--check]

A room is a package. An arrow leads from a room to what it imports; it is left out where other
arrows lead there too. The table has the first paragraph of each docstring.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = (ROOT / "conformance/dynamo_conformance", ROOT / "launch/dynamo_launch")
OPENED = ("targets",)
"""Rooms whose packages are rooms of their own."""


@dataclass(frozen=True, slots=True)
class Room:
    """A package.

    Attributes:
        name: Its dotted name.
        folder: Where it lies.
        summary: The first paragraph of its docstring.
        uses: The dotted names of the modules it imports.
    """

    name: str
    folder: Path
    summary: str
    uses: frozenset[str]


def rooms() -> list[Room]:
    """Return the rooms of both distributions' packages."""
    folders = [folder for package in PACKAGES for folder in _folders(package)]
    return [_read(folder, inside=folders) for folder in folders]


def arrows(rooms: list[Room]) -> set[tuple[str, str]]:
    """Return the pairs of rooms of which one imports the other, without those that others imply.

    Raises:
        ValueError: Rooms import each other in a circle.
    """
    names = [room.name for room in rooms]
    direct = {
        room.name: {_room_of(use, names) for use in room.uses} - {room.name} for room in rooms
    }
    uses = {name: {use for use in room_uses if use} for name, room_uses in direct.items()}
    reached: dict[str, set[str]] = {}

    def below(name: str, above: tuple[str, ...] = ()) -> set[str]:
        if name in above:
            raise ValueError(f"rooms import each other: {' -> '.join((*above, name))}")
        if name not in reached:
            deeper = [below(use, (*above, name)) for use in uses[name]]
            reached[name] = uses[name].union(*deeper)
        return reached[name]

    for name in names:
        below(name)
    return {
        (name, use)
        for name in names
        for use in uses[name]
        if not any(use in reached[other] for other in uses[name])
    }


def _folders(package: Path) -> list[Path]:
    inner = [path.parent for path in sorted(package.glob("*/__init__.py"))]
    opened = [
        path.parent for name in OPENED for path in sorted((package / name).glob("*/__init__.py"))
    ]
    return inner + opened


def _read(folder: Path, *, inside: list[Path]) -> Room:
    name = ".".join(folder.relative_to(ROOT).parts[1:])
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    others = [other for other in inside if other != folder and folder in other.parents]
    uses: set[str] = set()
    for path in folder.rglob("*.py"):
        if "overlay" in path.parts or any(other in path.parents for other in others):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                uses |= {f"{node.module}.{alias.name}" for alias in node.names}
    summary = " ".join(text.partition("\n\n")[0].split()).rstrip(".")
    return Room(name, folder.relative_to(ROOT), summary, frozenset(uses))


def _depth(folder: Path) -> int:
    return next(
        n for n, parent in enumerate(folder.parents) if parent in {p.parent for p in PACKAGES}
    )


def _room_of(module: str, names: list[str]) -> str:
    return max((name for name in names if f"{module}.".startswith(f"{name}.")), key=len, default="")


def picture(rooms: list[Room]) -> str:
    """Return the picture, as Mermaid."""
    lines = ["```mermaid", "flowchart TD"]
    for package in PACKAGES:
        inner = [room for room in rooms if room.name.startswith(f"{package.name}.")]
        lines += [f"  subgraph {package.name}"]
        lines += [f'    {room.name}["{_short(room)}"]' for room in inner]
        lines += ["  end"]
    lines += [f"  {user} --> {used}" for user, used in sorted(arrows(rooms))]
    return "\n".join([*lines, "```"])


def table(rooms: list[Room]) -> str:
    """Return the table of rooms."""
    rows = [f"| [{_short(room)}](../{room.folder}) | {room.summary} |" for room in rooms]
    return "\n".join(["| room | what is in it |", "|---|---|", *rows])


def _short(room: Room) -> str:
    return room.name.partition(".")[2].replace(".", "/")


def render(page: str) -> str:
    """Return `page` with today's picture and table between its marks."""
    today = rooms()
    for mark, text in (("picture", picture(today)), ("table", table(today))):
        start, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
        before, after = page.partition(start)[0], page.partition(end)[2]
        page = f"{before}{start}{text}\n{end}{after}"
    return page


def main() -> int:
    """Write the page, or with --check report whether it is current; return the exit code."""
    now = PAGE.read_text(encoding="utf-8")
    made = render(now)
    if "--check" in sys.argv[1:]:
        return int(made != now)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
