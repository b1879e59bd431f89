"""Runtimes: what other releases of Dynamo run in, so that a graph runs on the one its images name.

`choice` says which release each component of a graph runs on. `environment` makes a Python
environment of a release with uv and keeps it below the cache folder; each process runs in exactly
one. `surroundings` has the variables that a release needs to do without a cluster, and `servers`
the NATS and etcd that old ones cannot do without. `shim` is on Python's path of those that ask for
NATS in vain.

No engine is in these environments: the mock engine plays the workers, by
`mock_engine.release_serving`.
"""
