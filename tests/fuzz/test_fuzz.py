"""Odd inputs to `dynamo lint` and `dynamo convert`: none may break, hang or mislead.

A short run with a fixed seed belongs to the tests (about half a minute). `tox run -e fuzz` takes
four minutes and another seed each time, or an hour with DYN_CONFORMANCE_FUZZ_SECONDS=3600; a seed
is repeated with DYN_CONFORMANCE_FUZZ_SEED, and in CI it is fixed. Inputs that fail are kept in
build/fuzz, or in the folder that DYN_CONFORMANCE_FUZZ_FOLDER names, and each is printed with the
command that repeats it.
"""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from fuzz_checks import DEADLINE, Defect, check_input, check_processes
from fuzz_inputs import HEADS, KEYS, ODD_TEXTS, ROOT, Inputs
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fuzz_inputs import Tree

SECONDS = float(os.environ.get("DYN_CONFORMANCE_FUZZ_SECONDS", "0"))
IS_LONG = SECONDS > 0 and not os.environ.get("CI")
SEED = int(
    os.environ.get("DYN_CONFORMANCE_FUZZ_SEED") or (random.getrandbits(32) if IS_LONG else 1)
)
FOLDER = Path(os.environ.get("DYN_CONFORMANCE_FUZZ_FOLDER", ROOT / "build" / "fuzz"))

INPUTS = 250
"""How many manifests a short run changes; a long one takes as many as fit into its time."""

SHARE = 0.8
"""The part of a long run's time for changed manifests; random YAML gets the rest."""

BATCH = 60
"""Inputs for each round of whole processes; enough for a pool."""


@dataclass(slots=True)
class Bench:
    """Where inputs are tried, and what was found, by place."""

    folder: Path
    defects: dict[str, str] = field(default_factory=dict)

    def try_input(self, name: str, data: bytes) -> Path | None:
        """Give `data` to all checks; return its file, or None if it failed."""
        path = self.folder / f"{name}.yaml"
        path.write_bytes(data)
        # For what no signal stops: C code. The input stays in `folder`.
        faulthandler.dump_traceback_later(DEADLINE * 12, exit=True, file=2)
        try:
            check_input(path, random.Random(name))  # noqa: S311 - to be repeated
        except Defect as defect:
            self.keep(defect, path)
            path.unlink()
            return None
        finally:
            faulthandler.cancel_dump_traceback_later()
        return path

    def try_batch(self, paths: list[Path]) -> None:
        """Give inputs to whole processes, and end with an empty folder."""
        try:
            check_processes(paths)
        except Defect as defect:
            self.keep(defect, self.folder)
        for path in paths:
            path.unlink()

    def keep(self, defect: Defect, path: Path) -> None:
        """Keep the file or folder of a defect, unless the defect is known."""
        if defect.place not in self.defects:
            FOLDER.mkdir(parents=True, exist_ok=True)
            kept = FOLDER / path.name
            if path.is_dir():
                shutil.copytree(path, kept, dirs_exist_ok=True)
            else:
                shutil.copy(path, kept)
            self.defects[defect.place] = str(defect).replace(str(path), str(kept))

    def report(self) -> str:
        """Return what was found, ready for a message."""
        return "\n\n".join([f"seed {SEED}: {len(self.defects)} defects", *self.defects.values()])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def numbers() -> Iterator[int]:
    """Count inputs until the time, or their number, is used up."""
    end = time.monotonic() + SECONDS * SHARE
    number = 0
    while number < INPUTS if SECONDS == 0 else time.monotonic() < end:
        yield number
        number += 1


def test_changed_manifests(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = Inputs(SEED)
    batch: list[Path] = []
    number = 0
    for number in numbers():
        path = bench.try_input(f"{SEED}-{number}", inputs.input(number))
        batch += [path] if path is not None else []
        if len(batch) == BATCH:
            bench.try_batch(batch)
            batch = []
    if SECONDS:
        with capsys.disabled():
            sys.stdout.write(f"\nseed {SEED}: {number + 1} changed manifests\n")
    assert not bench.defects, bench.report()


@pytest.mark.parametrize("head", HEADS, ids=["v1beta1", "v1alpha1"])
def test_each_odd_text(bench: Bench, head: str) -> None:
    """Each is the number of replicas and a word of a command line."""
    for number, text in enumerate(ODD_TEXTS):
        beta = f"""components:
  - name: a
    replicas: {text}
    podTemplate: {{spec: {{containers: [{{name: main, args: *words}}]}}}}
"""
        alpha = f"""services:
    a:
      replicas: {text}
      extraPodSpec: {{mainContainer: {{args: *words}}}}
"""
        spec = beta if head == HEADS[0] else alpha
        words = f"x: &words\n- --model\n- {text}\n"
        data = f"{head}{words}metadata: {{name: a}}\nspec:\n  {spec}"
        bench.try_input(f"odd-{number}", data.encode())
    assert not bench.defects, bench.report()


TEXTS = st.text(max_size=12) | st.sampled_from(ODD_TEXTS)
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=5)
    ),
    max_leaves=40,
)


@seed(SEED)
@settings(
    max_examples=max(50, int(SECONDS * (1 - SHARE) * 15)),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(head=st.sampled_from(HEADS), tree=TREES, is_flow=st.booleans())
def test_any_yaml_as_a_spec(
    tmp_path_factory: pytest.TempPathFactory, head: str, tree: Tree, *, is_flow: bool
) -> None:
    text = yaml.safe_dump(
        {"metadata": {"name": "a"}, "spec": tree}, default_flow_style=is_flow, allow_unicode=True
    )
    text = f"{{{', '.join(head.splitlines())}, {text[1:]}" if is_flow else head + text
    bench = Bench(tmp_path_factory.mktemp("any", numbered=True))
    bench.try_input(f"any-{SEED}", text.encode("utf-8", "surrogatepass"))
    assert not bench.defects, bench.report()
