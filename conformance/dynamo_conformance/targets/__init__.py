"""Where a graph runs: local processes, Docker Compose, a kind cluster, any cluster.

`interface` is what every target gives: a deployment with an endpoint, or a `DeployFailure`.
`readiness` waits until a graph truly answers; `exit_cause` explains how a process or container
ended; `image_names` gives an engine's image the names that manifests and compose files use.

`local` runs pods as processes of this machine, `compose` a compose file, `cluster` applies a
manifest to a cluster and diagnoses what keeps it from coming up, and `kind` sets up a cluster on
this machine for `cluster` to use.
"""

from typing import Final

MOCK, CPU, REAL = "mock", "cpu", "real"
ENGINES: Final = (MOCK, CPU, REAL)
"""What serves: a simulation, the engine itself on a CPU with random weights, or as it is."""
