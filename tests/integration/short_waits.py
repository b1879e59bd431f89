"""A conftest.py for nested runs of broken graphs: what cannot come any more is not waited for long.

The time in which a graph must answer begins when all its workers have registered, so that a busy
machine changes nothing.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import requests

from dynamo_conformance.targets import readiness

if TYPE_CHECKING:
    from dynamo_conformance.targets.interface import Deployment
    from dynamo_conformance.targets.readiness import Readiness

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


NAMES = {"wait_ready": wait_ready, "wait_registered": partial(readiness.wait_registered, seconds=3)}
for name, short in NAMES.items():
    right = vars(readiness)[name]
    for module in [one for one in sys.modules.values() if vars(one).get(name) is right]:
        vars(module)[name] = short
