"""Compare our verdicts with those of a real API server, on manifests nobody has written yet.

The recorded manifests are changed at random, and each is sent to the API server as a dry run with
strict validation: nothing is created. Any difference is printed, and ends the run with 1. It wants
a cluster with the DynamoGraphDeployment CRD; without the operator (`--alone`) the conversion
strategy of the CRD must be None, or v1alpha1 objects cannot be sent.

    kubectl proxy &
    python tools/verdicts.py --server http://127.0.0.1:8001 --count 10000 --seed 1 --alone
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from dynamo_conformance.api import crd
from dynamo_conformance.api.cluster_parts import Cluster
from dynamo_conformance.api.verdict import Verdict, judge
from dynamo_conformance.manifest.document import Document
from dynamo_conformance.manifest.node import Mapping, Plain, from_plain

RECORDED = Path(__file__).parents[1] / "tests" / "data" / "observed" / "admission.yaml"
VERSIONS = tuple(crd.load().versions)
ODD: tuple[Plain, ...] = (
    None, 0, 1, -1, 2, 1.5, 2.0, True, False, "", "x", "1", "UPPER", "a_b", "a.b", "-a", "a-",
    "x" * 64, "x" * 254, [], {}, [None], [1], ["a"], ["a", "a"], {"a": "b"}, {"name": "x"},
    [{"name": "x"}], [{}], 2**31, 2**63, -(2**31) - 1, "8Gi", "500m", "1e3", "main", "frontend",
    "worker", "epp", "vllm", "a b", "a\n", "é", 70000, "http", "IntraPod", "2020-01-01T00:00:00Z",
)  # fmt: skip
CREATED = 201
SECONDS = 30
PROGRESS = 1000


@dataclass(frozen=True)
class Place:
    """A value in a manifest: the list or mapping that holds it, and under what."""

    holder: dict[str, Plain] | list[Plain]
    key: str | int

    def put(self, value: Plain) -> None:
        """Put another value there."""
        if isinstance(self.holder, dict):
            self.holder[str(self.key)] = value
        else:
            self.holder[int(self.key)] = value


def changed(manifest: dict[str, Plain], chance: random.Random) -> dict[str, Plain]:
    """Return a copy of a manifest with one to three changes."""
    made = copy.deepcopy(manifest)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        candidates = [place for place in places(made) if place.key not in ("apiVersion", "kind")]
        if candidates:
            change(chance.choice(candidates), chance)
    return made


def places(value: Plain) -> list[Place]:
    """Return every place below `value`."""
    below: list[Place] = []
    if isinstance(value, dict):
        for key, item in value.items():
            below += [Place(value, key), *places(item)]
    elif isinstance(value, list):
        for index, item in enumerate(value):
            below += [Place(value, index), *places(item)]
    return below


def change(place: Place, chance: random.Random) -> None:
    """Remove, replace, rename, repeat or add something at a place."""
    holder, key = place.holder, place.key
    action = chance.choice(("remove", "odd", "odd", "rename", "repeat", "add"))
    if action == "remove":
        holder.pop(key)  # type: ignore[arg-type]  # a key of its own holder
    elif action == "odd":
        place.put(copy.deepcopy(chance.choice(ODD)))
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[int(key)]))
    elif action == "rename":
        holder[chance.choice((f"{key}x", str(key).upper(), "foo"))] = holder.pop(str(key))
    else:
        holder[chance.choice(known_names())] = copy.deepcopy(chance.choice(ODD))


def known_names() -> tuple[str, ...]:
    """Return field names of components and services, which may or may not belong where they go."""
    names: set[str] = set()
    for schema in crd.load().versions.values():
        spec = schema.properties["spec"].properties
        holder = spec.get("components") or spec["services"]
        component = holder.items or holder.additional
        names |= set(spec) | set(component.properties if component is not None else ())
    return tuple(sorted(names))


def ask(session: requests.Session, server: str, manifest: dict[str, Plain]) -> tuple[bool, str]:
    """Return whether the API server would create an object, and what it says if not."""
    version = str(manifest["apiVersion"]).partition("/")[2]
    answer = session.post(
        f"{server}/apis/nvidia.com/{version}/namespaces/default/dynamographdeployments",
        params={"dryRun": "All", "fieldValidation": "Strict"},
        data=json.dumps(manifest),
        headers={"Content-Type": "application/json"},
        timeout=SECONDS,
    )
    return answer.status_code == CREATED, str(answer.json().get("message", ""))


def refused(verdict: Verdict, *, alone: bool) -> bool:
    """Whether we would refuse, by the CRD alone or with the operator."""
    return bool(verdict.violations or verdict.rules) if alone else not verdict.accepted


def main() -> int:
    """Compare, and return 1 when anything differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, help="URL of the API server")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="the cluster has no operator")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 - to repeat a run, not to hide anything
    manifests = recorded()
    session = requests.Session()
    session.trust_env = False
    differing = 0
    for number in range(1, options.count + 1):
        manifest = changed(chance.choice(manifests), chance)
        if (text := difference(session, options.server, manifest, alone=options.alone)) is not None:
            differing += 1
            print(text)
        if number % PROGRESS == 0:
            print(f"{number} compared, {differing} differ", file=sys.stderr)
    print(f"{options.count} compared, {differing} differ (seed {options.seed})")
    return 1 if differing else 0


def recorded() -> list[dict[str, Plain]]:
    """Return the recorded manifests of versions that the CRD serves."""
    cases = yaml.load_all(RECORDED.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    manifests = [case["manifest"] for case in cases]
    return [item for item in manifests if str(item["apiVersion"]).partition("/")[2] in VERSIONS]


def difference(
    session: requests.Session, server: str, manifest: dict[str, Plain], *, alone: bool
) -> str | None:
    """Return both verdicts on a manifest, when one accepts it and the other does not."""
    accepted, message = ask(session, server, manifest)
    # A namespace of its own is an error of the URL that this script uses, not of the manifest.
    elsewhere = "namespace of the provided object does not match" in message
    verdict = judge(Document("manifest", 0, from_mapping(manifest)), cluster=Cluster())
    if elsewhere or refused(verdict, alone=alone) != accepted:
        return None
    violations = (*verdict.violations, *verdict.rules, *verdict.refusals)
    ours = [violation.message for violation in violations]
    return json.dumps({"manifest": manifest, "theirs": message, "ours": ours})


def from_mapping(manifest: dict[str, Plain]) -> Mapping:
    """Return a manifest as a node."""
    node = from_plain(manifest)
    assert isinstance(node, Mapping)  # noqa: S101 - a mapping becomes a mapping
    return node


if __name__ == "__main__":
    sys.exit(main())
