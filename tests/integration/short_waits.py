"""A conftest.py for nested runs of broken graphs: what cannot come any more is not waited for long.

The time in which a graph must answer begins when all its workers have registered, so that a busy
machine changes nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import requests

from dynamo_conformance.probes import registration
from dynamo_conformance.targets import readiness

if TYPE_CHECKING:
    from dynamo_conformance.targets.interface import Deployment
    from dynamo_conformance.targets.readiness import Readiness

ROLES_SECONDS = 3.0
_wait_ready = readiness.wait_ready


def wait_ready(deployment: Deployment, **options: Any) -> Readiness:  # noqa: ANN401 - passed on
    """Wait, where workers that still start hold the graph."""

    def starting() -> bool:
        try:
            health = requests.get(f"{deployment.url}/health", timeout=5).json()
        except requests.RequestException:
            return True
        registered = [one for one in health["instances"] if one["endpoint"] == readiness.GENERATE]
        return len(registered) < len(deployment.workers)

    return _wait_ready(deployment, **{**options, "held": starting})


registration.SECONDS = ROLES_SECONDS
for module in [one for one in sys.modules.values() if vars(one).get("wait_ready") is _wait_ready]:
    vars(module)["wait_ready"] = wait_ready
