"""The page of the architecture shows today's rooms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rooms_md import PAGE, Room, arrows, render

ROOT = Path(__file__).parents[3]


def room(name: str, *uses: str) -> Room:
    return Room(name, Path(name), "", frozenset(uses))


def test_an_arrow_that_others_imply_is_left_out() -> None:
    rooms = [room("a", "b.module", "c.module.name"), room("b", "c.module"), room("c", "json")]
    assert arrows(rooms) == {("a", "b"), ("b", "c")}


def test_a_room_within_another_has_arrows_of_its_own() -> None:
    rooms = [room("a", "a.in.module"), room("a.in", "b.module"), room("b")]
    assert arrows(rooms) == {("a", "a.in"), ("a.in", "b")}


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        arrows([room("a", "b.module"), room("b", "a.module")])


def test_the_page_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(page) == page, "python tools/rooms_md.py"


def test_every_path_of_the_page_is_there() -> None:
    page = PAGE.read_text(encoding="utf-8")
    paths = re.findall(r"\]\(\.\./([^)#]+)\)", page)
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []
