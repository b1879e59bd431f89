"""`dynamo deploy`: the folder it writes is served in kind as it is, in both API versions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "tests" / "unit" / "deploy" / "published" / "disagg.yaml"
MANIFEST = "k8s/vllm-disagg.yaml"
SECONDS = 1200


@pytest.mark.parametrize("version", ["v1beta1", "v1alpha1"])
def test_the_written_folder_answers_in_kind(version: str, tmp_path: Path) -> None:
    dynamo = Path(sys.executable).with_name("dynamo")
    words = ("deploy", "-f", str(CONFIG), "--api-version", version, "--out-dir", "k8s")
    subprocess.run([dynamo, *words], cwd=tmp_path, check=True, timeout=60)

    served = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "e2e", "--dynamo-target=kind", MANIFEST],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )

    assert served.returncode == 0, served.stdout + served.stderr
    assert " passed" in served.stdout
