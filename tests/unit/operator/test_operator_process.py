"""The operator's own process: it answers before it sees a cluster, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from dynamo_conformance.operator.installation.certificate import (
    CERTIFICATE,
    KEY,
    Certificate,
)

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 60.0
NOWHERE = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9", insecure-skip-tls-verify: true}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
users: [{name: u, user: {token: t}}]
"""
PROGRAM = """
import asyncio, logging, sys
from pathlib import Path
from dynamo_conformance.operator.__main__ import run
logging.basicConfig(level=logging.INFO)
asyncio.run(run(Path(sys.argv[1]), port=0))
"""


def test_it_ends_in_order_also_without_an_api_server(tmp_path: Path) -> None:
    made = Certificate.new()
    (tmp_path / CERTIFICATE).write_bytes(made.certificate)
    (tmp_path / KEY).write_bytes(made.key)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(NOWHERE)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any("answering the API server" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        _out, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "Traceback" not in said
