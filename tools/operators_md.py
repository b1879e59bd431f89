"""Make the page of operators: what each release refuses and renders, and since when.

python tools/operators_md.py > FILE && mv FILE docs/operators.md
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from operator_differences import crd_rules, made

from dynamo_conformance.api import crd
from dynamo_conformance.api.admission.rule_rows import Row, fields, rules
from dynamo_conformance.api.operator_releases import RECORDED_OPERATOR, minors, order
from dynamo_conformance.rendering.ways import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEAD = """\
# Operators

The Dynamo operator is released apart from the runtime in the images. `dynamo lint --operator 1.3`
judges by its CRD, the API versions that it serves, the rules of its webhook and what it makes of a
graph; `1.3` is the newest known patch, and no two patches of a release are known to differ.
Without `--operator` the newest one judges that runs the published images of the graph as they are:
images of 0.4 to 0.6 find each other through etcd alone and get 0.7, unless the graph asks for
etcd; an endpoint picker of 1.0 or 1.1 gets 1.1. A finding at the image says so.
`--crd-from-cluster` asks for the cluster's own version too; the closing line has it.

Operators before 0.8 have no webhook: what is wrong beyond the schema shows when pods are made.
Those from 0.8 to 1.3 say their first error, in free words, and 1.4 all of them, each with its
field. lint reports all, in the words of that time, and of each but the first that it is said
later.

The CRD of each release is that of the day on which its branch was cut from the main line; what was
added to the branch later is not in it. Where it is not known if a release has a rule or a field,
the finding is a warning that begins with `uncertain:`. This page is made by `python
tools/operators_md.py` from the data.
"""

LEFT_OUT = """\
Not rendered by release, and so as 1.5.0-dev does it: the default command of 0.3 (`dynamo serve`),
resources that 0.4 and 0.5 give frontends by themselves, NATS_SERVER and ETCD_ENDPOINTS (their
addresses are the installation's), Services and what they select, the label dynamo-component on
pods of Grove, a LeaderWorkerSet for each replica (before 1.2), SGLang's and TensorRT-LLM's words
over nodes before 0.8, the endpoint picker's flags, Grove's own objects, and
DYN_HEALTH_CHECK_ENABLED "true" between two patches of 0.7. Not checked by release: updates of a
graph, and kinds other than DynamoGraphDeployment.
"""


def main() -> None:
    """Print the page."""
    print("\n".join(page()))


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield HEAD
    yield from _releases()
    yield "\n## Refused by the webhook\n"
    yield from _table(("since", "until", "uncertain in", "what"), map(_rule, _sorted(rules())))
    yield "\n## Refused by the CRD's own rules\n"
    crd_rows = sorted(_crd_rows(), key=lambda row: order(row[0]))
    yield from _table(("since", "until", "what the API server says"), crd_rows)
    yield "\n## Fields that came and went\n"
    rows_of_fields = map(_field, _sorted(fields()))
    yield from _table(("since", "until", "uncertain in", "fields"), rows_of_fields)
    yield "\n## What is made of a graph\n"
    yield from _table(("what", "value, since", "uncertain in"), _ways())
    yield f"\n{LEFT_OUT.rstrip()}"


def _releases() -> Iterator[str]:
    differing = made()["cases_that_differ"]
    yield (
        "Cases that differ are those of the 206 recorded manifests of which an operator says\n"
        f"something else than {RECORDED_OPERATOR}, but for the API versions "
        "([data/operator-differences.json](data/operator-differences.json)).\n"
    )
    listed = (
        (
            operator.name,
            operator.date,
            " ".join(crd.load(operator.version).versions),
            crd.load(operator.version).date,
            str(differing.get(operator.name, "")),
        )
        for operator in minors()
    )
    yield from _table(("release", "date", "serves", "CRD of", "cases that differ"), listed)


def _sorted(table: dict[str, Row]) -> list[Row]:
    return sorted(table.values(), key=lambda row: order(row.since))


def _rule(row: Row) -> tuple[str, ...]:
    return row.since, row.until or "", " ".join(row.unsure), row.what


def _field(row: Row) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in row.fields)
    return row.since, row.until or "", " ".join(row.unsure), names


def _crd_rows() -> Iterator[tuple[str, ...]]:
    names = [operator.name for operator in minors()]
    for message, releases in crd_rules().items():
        after = names.index(releases[-1]) + 1
        yield releases[0], names[after] if after < len(names) else "", message


def _ways() -> Iterator[tuple[str, ...]]:
    for row in rows():
        values = ", ".join(
            f"`{json.dumps(value)}` {first}" for first, value in row["since"].items()
        )
        yield row["what"], values, " ".join(row.get("unsure", ()))


def _table(head: tuple[str, ...], body: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (head, ("---",) * len(head), *body):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    main()
