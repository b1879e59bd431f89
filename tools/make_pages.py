"""Make the pages of an examples tree: its catalogue, the tables of the READMEs, the pictures.

python tools/make_pages.py [--check] [FOLDER]
"""

from __future__ import annotations

from pathlib import Path

import click

from catalogue.commands import pages_of, unproven_commands
from catalogue.markdown import BlockError
from catalogue.pages import MAKE, Page, pages, unused_pictures
from dynamo_conformance.ledger.audit import aged, audit
from dynamo_conformance.ledger.ledger import LedgerError, read_ledger, write_text
from dynamo_conformance.ledger.tree import LEDGER, read_tree


@click.command(name=MAKE)
@click.option("--check", is_flag=True, help="Write nothing; say what is wrong, and exit with 1.")
@click.argument(
    "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="examples"
)
def main(folder: Path, *, check: bool) -> None:
    """Make the catalogue, the README tables and the pictures of FOLDER (default: examples)."""
    tree = read_tree(folder)
    try:
        ledger = read_ledger(folder / LEDGER)
        made = pages(tree, ledger)
    except (LedgerError, BlockError) as error:
        raise click.ClickException(str(error)) from error
    wrong = [*audit(ledger, tree)]
    wrong += (line for page in pages_of(tree) for line in unproven_commands(page, tree, ledger))
    for page in made:
        if check and not _is_current(page):
            wrong.append(f"{page.path} is not current: run `{MAKE}`")
        elif not check and write_text(page.path, page.text):
            click.echo(page.path)
    for path in unused_pictures(tree, made):
        if check:
            wrong.append(f"{path} is a picture of no graph: run `{MAKE}`")
        else:
            path.unlink()
            click.echo(f"{path} removed")
    old = aged(ledger)
    if old:
        click.echo(f"proven with another mock engine than today's, which is no fault: {len(old)}")
    for line in wrong:
        click.echo(line, err=True)
    if check and wrong:
        raise SystemExit(1)


def _is_current(page: Page) -> bool:
    return page.path.is_file() and page.path.read_text(encoding="utf-8") == page.text


if __name__ == "__main__":
    main()
