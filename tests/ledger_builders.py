"""What the tests of the ledger share: a small tree, and proofs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.ledger.row import Level, Observation, Proof
from dynamo_conformance.ledger.tree import read_tree

if TYPE_CHECKING:
    from pathlib import Path

    from dynamo_conformance.ledger.tree import Tree

MANIFEST = "any/launch/k8s/agg.yaml"
SCRIPT = "any/launch/local/agg.sh"
FILES = {
    MANIFEST: """# One worker.
# It answers.

# Not this.
apiVersion: nvidia.com/v1beta1
kind: DynamoGraphDeployment
metadata: {name: small}
spec: {components: [{name: Frontend, type: frontend}]}
""",
    "any/launch/k8s/v1alpha1/agg.yaml": """apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: small}
spec: {services: {Frontend: {componentType: frontend}}}
""",
    "any/launch/k8s/claim.yaml": "kind: PersistentVolumeClaim\n",
    SCRIPT: "dynamo serve in=http out=dyn\n",
    "any/launch/compose/agg.yaml": "services: {}\n",
    "any/README.md": "# Any engine\n",
}


def plant(root: Path) -> Tree:
    """Write a small tree, and read it."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read_tree(root)


def digest(tree: Tree, file: str) -> str:
    """Return the digest of one of the tree's files."""
    return next(form.content.sha256 for form in tree.forms if form.key == file)


def proof(files: str, *, date: str = "2026-01-02", engine: str = "") -> Proof:
    """Return a proof of some bytes."""
    return Proof(
        date=date,
        files=files,
        release=RELEASE,
        engine=engine,
        how="by hand",
        passed={"ready": 1, "chat": 2},
    )


def observation(
    files: str,
    *,
    file: str = MANIFEST,
    level: Level = Level.LOCAL,
    date: str = "2026-02-03",
    whole: bool = True,
    passed: dict[str, int] | None = None,
    failed: tuple[str, ...] = (),
    unsupported: dict[str, str] | None = None,
    images: str = "",
) -> Observation:
    """Return what a run saw."""
    return Observation(
        file=file,
        level=level,
        whole=whole,
        date=date,
        files=files,
        release=RELEASE,
        engine="",
        how="by hand",
        passed={"ready": 1, "chat": 2} if passed is None else passed,
        failed=failed,
        unsupported=unsupported or {},
        images=images,
    )
