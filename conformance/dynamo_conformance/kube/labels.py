"""What marks an object in a cluster as ours: one label on all of them, whatever made it."""

from __future__ import annotations

PART = "dynamo-conformance/part"
"""The label that everything of ours carries; its value is what it belongs to."""

OPERATOR = "operator"
"""The reference operator, and what it makes."""

WORLD = "world"
"""What a test cluster needs to stand for a real one."""

RUN = "run"
"""The namespace of one example in one run, and with it all that is inside."""

OPERATOR_NAMESPACE = "dynamo-conformance"
OPERATOR_NAME = "reference-operator"
"""The reference operator's Deployment, Service and service account."""

RUN_ID = "dynamo-conformance/run"
"""The label that names the run a namespace belongs to."""

EMPTY = "dynamo-conformance/empty"
"""The annotation on a namespace that is to go and has no pods any more."""

KEPT = "dynamo-conformance/kept"
"""The annotation on a namespace that stays after its run; its value is the graph's name."""

HOST = "dynamo-conformance/host"
PROCESS = "dynamo-conformance/process"
ALIVE_UNTIL = "dynamo-conformance/alive-until"
"""The annotations by which another run knows whether a namespace still has its run."""
