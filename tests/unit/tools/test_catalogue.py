"""The pages that are made from a tree and its ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from make_pages import main

from catalogue.commands import commands, unproven_commands, uses
from catalogue.markdown import BlockError, table, with_block
from catalogue.pages import pages, unused_pictures
from catalogue.standing import (
    gaps,
    is_shown,
    mock_engines,
    standing,
    unsupported,
)
from catalogue.traits import Trait
from dynamo_conformance.ledger.ledger import Ledger, fitted
from dynamo_conformance.ledger.row import Gap, Level, Proof
from dynamo_conformance.ledger.tree import LEDGER, Example, read_tree
from ledger_builders import MANIFEST, SCRIPT, digest, plant, proof

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.ledger.row import Row
    from dynamo_conformance.ledger.tree import Tree

OLD = "any/launch/k8s/v1alpha1/agg.yaml"


def ledger(tree: Tree, rows: dict[tuple[str, Level], Row]) -> Ledger:
    """Return a ledger that fits the tree, with some rows in it."""
    found: dict[str, dict[Level, Row]] = {}
    for (file, level), row in rows.items():
        found.setdefault(file, {})[level] = row
    return fitted(Ledger(found), tree)


def proven(tree: Tree, file: str, **more: str) -> Proof:
    return proof(digest(tree, file), **more)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    planted = plant(tmp_path / "examples")
    readme = planted.root / "any" / "README.md"
    readme.write_text("# Any\n\n<!-- ledger -->\n<!-- /ledger -->\n", encoding="utf-8")
    return planted


@pytest.fixture
def example(tree: Tree) -> Example:
    return tree.engines[0].examples[0]


def test_a_block_is_replaced_and_the_rest_stays() -> None:
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    once = with_block(page, "x", "new", page="p.md")
    assert once == "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n"
    assert with_block(once, "x", "new", page="p.md") == once
    for text in ("nothing", "<!-- x -->", "<!-- /x --><!-- x -->"):
        with pytest.raises(BlockError, match=r"p\.md: write <!-- x --> and <!-- /x -->"):
            with_block(text, "x", "new", page="p.md")


def test_a_table_leaves_out_columns_that_hold_nothing() -> None:
    assert table(("a", "b", "c"), [("1", "", "x|y"), ("2", "", "")]).splitlines() == [
        "| a | c |",
        "| --- | --- |",
        "| 1 | x\\|y |",
        "| 2 |  |",
    ]


def test_an_example_stands_where_all_of_its_files_do(tree: Tree, example: Example) -> None:
    rows: dict[tuple[str, Level], Row] = {
        (MANIFEST, Level.LOCAL): proven(tree, MANIFEST, date="2026-01-01")
    }
    assert str(standing(ledger(tree, rows), example, Level.LOCAL)) == "1 of 2"
    rows[OLD, Level.LOCAL] = proven(tree, OLD, date="2026-03-03")
    assert str(standing(ledger(tree, rows), example, Level.LOCAL)) == "2026-03-03"
    assert str(standing(ledger(tree, rows), example, Level.KIND)) == "-"
    (tree.root / SCRIPT).unlink()
    without = read_tree(tree.root).engines[0].examples[0]
    assert str(standing(ledger(tree, rows), without, Level.SCRIPT)) == ""


def test_reasons_are_told_once(tree: Tree, example: Example) -> None:
    rows: dict[tuple[str, Level], Row] = {
        (MANIFEST, Level.LINT): proven(tree, MANIFEST),
        (OLD, Level.LINT): Gap("failed on a day: lint"),
        (SCRIPT, Level.REAL): Gap("no such engine"),
    }
    assert gaps(ledger(tree, rows), [example]) == (
        "*lint*, agg (v1alpha1): failed on a day: lint",
        "*local*, every graph: not run",
        "*script*, every graph: not run",
        "*compose*, every graph: not run",
        "*kind*, every graph: not run",
        "*cpu*, every graph: not run: needs an engine that was built for CPUs",
        "*cluster*, every graph: not run: needs a cluster with the Dynamo operator and GPUs",
        "*real*, agg, agg (compose), agg (v1alpha1): not run: needs the engine and its GPUs",
        "*real*, agg (script): no such engine",
    )


def test_checks_that_show_nothing_are_told_with_their_reason(tree: Tree, example: Example) -> None:
    rows: dict[tuple[str, Level], Row] = {
        (file, Level.LOCAL): Proof(
            date="2026-01-01",
            files=digest(tree, file),
            release="1.6.1",
            engine="mock 0123456789abcdef",
            how="",
            passed={"ready": 1, "chat": 2},
            unsupported={"graph.kv-router": "no choice"},
        )
        for file in (MANIFEST, OLD)
    }
    made = ledger(tree, rows)
    assert unsupported(made, [example]) == ("`graph.kv-router`, every graph (local): no choice",)
    another = Example("other", ())
    assert unsupported(made, [example, another]) == ("`graph.kv-router`, agg (local): no choice",)
    assert mock_engines(made, [example]) == ("0123456789ab",)


def test_a_trait_is_shown_by_its_check_or_by_the_engine_itself(
    tree: Tree, example: Example
) -> None:
    shown, other, none = Trait("a", "chat"), Trait("b", "tools"), Trait("c")
    served = ledger(tree, {(MANIFEST, Level.LOCAL): proven(tree, MANIFEST)})
    assert [is_shown(served, example, one) for one in (shown, other, none)] == [True, False, False]
    real = ledger(tree, {(SCRIPT, Level.REAL): proven(tree, SCRIPT)})
    assert [is_shown(real, example, one) for one in (shown, other, none)] == [True, True, True]
    assert not is_shown(ledger(tree, {}), example, shown)


def test_pages_are_made_from_what_is_there(tree: Tree) -> None:
    front = tree.root.parent / "README.md"
    front.write_text("<!-- ledger -->\n<!-- /ledger -->\n", encoding="utf-8")
    made = pages(tree, ledger(tree, {(SCRIPT, Level.SCRIPT): proven(tree, SCRIPT)}))
    texts = {page.path.relative_to(tree.root.parent).as_posix(): page.text for page in made}
    assert list(texts) == [
        "examples/any/graphs/agg.svg",
        "examples/any/README.md",
        "examples/README.md",
        "README.md",
    ]
    assert "| agg | - | - | 2026-01-02 | - | - | - | - |" in texts["examples/any/README.md"]
    assert "[agg](any/launch/k8s/agg.yaml)" in texts["examples/README.md"]
    assert "| [Any](examples/any/README.md) | 1 | 0 of 1 | 0 of 1 | 1 of 1 |" in texts["README.md"]


def test_other_tables_are_made_where_a_page_has_a_place_for_them(tree: Tree) -> None:
    readme = tree.root / "any" / "README.md"
    blocks = "".join(
        f"<!-- {one} -->\n<!-- /{one} -->\n" for one in ("ledger", "graphs", "pictures")
    )
    readme.write_text(blocks, encoding="utf-8")
    (text,) = [page.text for page in pages(tree, ledger(tree, {})) if page.path == readme]
    assert "| agg | One worker |" in text
    assert "[agg.yaml](launch/k8s/agg.yaml) | [agg.sh](launch/local/agg.sh)" in text
    assert "### agg\n\nOne worker. It answers.\n\n![Requests reach Frontend" in text
    assert "](graphs/agg.svg)" in text


def test_a_readme_without_a_place_for_its_table_says_so(tree: Tree) -> None:
    (tree.root / "any" / "README.md").write_text("# Any\n", encoding="utf-8")
    with pytest.raises(BlockError, match=r"any/README\.md: write <!-- ledger -->"):
        pages(tree, Ledger())
    (tree.root / "any" / "README.md").unlink()
    assert len(pages(tree, Ledger())) == 2


def test_a_picture_of_nothing_is_found(tree: Tree) -> None:
    made = pages(tree, Ledger())
    stray = tree.root / "any" / "graphs" / "old" / "gone.svg"
    stray.parent.mkdir(parents=True)
    stray.touch()
    assert unused_pictures(tree, made) == (stray,)


def test_the_command_makes_pages_and_then_finds_nothing_wrong(tree: Tree) -> None:
    (tree.root / LEDGER).write_text(ledger(tree, {}).text(), encoding="utf-8")
    folder = str(tree.root)
    wrong = CliRunner().invoke(main, ["--check", folder])
    assert wrong.exit_code == 1
    assert "agg.svg is not current: run `python tools/make_pages.py`" in wrong.stderr
    assert CliRunner().invoke(main, [folder]).exit_code == 0
    right = CliRunner().invoke(main, ["--check", folder])
    assert (right.exit_code, right.output) == (0, "")
    (tree.root / SCRIPT).write_text("changed\n", encoding="utf-8")
    (tree.root / "any" / "graphs" / "gone.svg").touch()
    (tree.root / "any" / "launch" / "local" / "new.sh").touch()
    found = CliRunner().invoke(main, ["--check", folder]).stderr
    assert "gone.svg is a picture of no graph" in found
    assert "any/launch/local/new.sh has no row for script, real" in found
    CliRunner().invoke(main, [folder])
    assert not (tree.root / "any" / "graphs" / "gone.svg").exists()


def test_commands_are_lines_of_plain_blocks_and_code_in_the_text() -> None:
    text = (
        "Type `dynamo up a.yaml`, not `anything`.\n\n"
        "```\nkubectl apply -f a.yaml\ncurl \\\n  b\n```\n\n```yaml\nno: command\n```\n"
    )
    assert commands(text) == ("kubectl apply -f a.yaml", "curl b", "dynamo up a.yaml")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("kubectl apply -f examples/any/launch/k8s/agg.yaml", [(MANIFEST, "kind")]),
        ("dynamo up examples/any/launch/k8s/agg.yaml", [(MANIFEST, "local")]),
        ("dynamo lint examples", [(MANIFEST, "lint"), (OLD, "lint")]),
        ("examples/any/launch/local/agg.sh", [(SCRIPT, "script")]),
        (
            "docker compose -f examples/any/launch/compose/agg.yaml up",
            [("any/launch/compose/agg.yaml", "compose")],
        ),
        ("curl examples/any/launch/k8s/agg.yaml", []),
        ("dynamo lint 'unclosed", []),
    ],
)
def test_a_command_uses_files_at_a_level(
    command: str, expected: list[tuple[str, str]], tree: Tree
) -> None:
    assert [(use.form.key, str(use.level)) for use in uses(command, tree)] == expected


def test_a_command_that_nobody_ran_is_found(tree: Tree) -> None:
    page = tree.root / "any" / "README.md"
    up, script = f"dynamo up examples/{MANIFEST}", f"examples/{SCRIPT}"
    page.write_text(f"```\n{up}\n{script}\n```\n", encoding="utf-8")
    only_old: dict[tuple[str, Level], Row] = {(OLD, Level.LOCAL): proven(tree, OLD)}
    (line,) = unproven_commands(page, tree, ledger(tree, only_old))
    assert line == (
        f"examples/any/README.md: `{up}` is not what was run: no proof of {MANIFEST} at local"
    )
    why = Gap("UNSUPPORTED: no encoder")
    assert (
        unproven_commands(page, tree, ledger(tree, {**only_old, (MANIFEST, Level.LOCAL): why}))
        == ()
    )
    right = {**only_old, (MANIFEST, Level.LOCAL): proven(tree, MANIFEST)}
    assert unproven_commands(page, tree, ledger(tree, right)) == ()


def test_a_command_that_names_no_file_is_found(tree: Tree) -> None:
    page = tree.root / "any" / "README.md"
    page.write_text("`kubectl apply -f examples/any/launch/k8s/ag.yaml`\n", encoding="utf-8")
    (line,) = unproven_commands(page, tree, ledger(tree, {}))
    assert line.endswith("names examples/any/launch/k8s/ag.yaml, which is not there")
