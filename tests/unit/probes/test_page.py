"""The page of a run, without a browser: what it holds, and that nothing in it is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.probes.page import Section, about, page, visible
from pages import LONG, MARKUP, RECORD, a_result, several, single

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynamo_conformance.probes.exchange import JsonObject

ADDRESSES = {"src", "href", "action", "data", "srcset", "poster", "background", "xlink:href"}


class Elements(HTMLParser):
    """Gathers the elements of a page and its text."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("make", [single, several])
def test_nothing_that_came_is_taken_for_markup(make: Callable[[], str]) -> None:
    content = make()
    elements = Elements(content)
    assert "img" not in elements.tags
    assert elements.tags.count("script") == 1
    assert MARKUP in elements.text
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    assert all(char.isprintable() or char in "\n\t" for char in content)
    content.encode()


@pytest.mark.parametrize("make", [single, several])
def test_nothing_leads_out_of_the_page(make: Callable[[], str]) -> None:
    elements = Elements(make())
    leads = {value for name, value in elements.attributes if name in ADDRESSES}
    assert leads
    assert all(value.startswith("#") for value in leads)
    ids = [value for name, value in elements.attributes if name == "id"]
    assert {value[1:] for value in leads} <= {*ids}
    assert len(ids) == len({*ids})
    assert "url(" not in elements.text
    assert "@import" not in elements.text


def test_what_is_odd_is_written_so_that_it_is_seen() -> None:
    text = Elements(single()).text
    assert r"\x1b[2J\u202edeyalp\ud800\x00" in text
    assert r"\xff" in text
    assert visible("caf\u00e9 \u6f22\U0001f980\n\t") == "caf\u00e9 \u6f22\U0001f980\n\t"


def test_what_is_large_is_shortened_and_its_end_stays() -> None:
    content = single()
    assert len(content) < 200_000
    text = Elements(content).text
    assert re.search(r"x… \d+ more characters", text)
    assert LONG not in text
    assert "… 140 more …" in text
    assert "data: {39}" in text
    assert "data: {40}" not in text
    assert "data: {199}" in text


def test_outcomes_are_counted_by_area() -> None:
    content = several()
    assert (
        '<tr><th>chat<td class="n PASS">1<td class="n FAIL">1<td class="n DEVIATION">1' in content
    )
    assert '>examples/good.yaml</a><td>kind<td class="n PASS">2' in content


def test_where_it_ran() -> None:
    record: JsonObject = {
        "url": "http://host", "model": "m", "release": None, "engine": "vllm", "profile": "core",
        "only": ["chat", "models"], "seconds": 2.5, "where": "Kubernetes v1.34",
        "machine": {"python": "3.11", "platform": "Linux"},
        "manifest": {"name": "agg", "sha256": "ab12"},
    }  # fmt: skip
    assert about(record) == (
        ("address", "http://host"), ("model", "m"), ("Dynamo", "release unknown"),
        ("engine", "vllm"), ("ran on", "Kubernetes v1.34"), ("manifest", "agg"),
        ("SHA-256", "ab12"), ("profile", "core"), ("only", "chat, models"), ("took", "2.5 s"),
        ("asked from", "Linux"), ("Python", "3.11"),
    )  # fmt: skip
    assert about({}) == ()


def test_a_record_of_the_least_is_enough() -> None:
    least: JsonObject = {"id": "lint", "area": "lint", "outcome": "FAIL"}
    content = page((Section(name="a", results=(least,)),), title="t", record=RECORD)
    assert "lint" in content


def test_a_page_of_nothing() -> None:
    assert "<h1>t</h1>" in page((), title="t", record=RECORD)


def test_many_graphs_make_no_huge_page() -> None:
    results = tuple(a_result(f"chat.{place}", "PASS") for place in range(400))
    sections = [
        Section(name=f"{place}.yaml", level="local", results=results) for place in range(50)
    ]
    content = page(sections, title="t", record=RECORD)
    assert len(content) / 20_000 < 300
