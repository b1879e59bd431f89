"""Launching Dynamo.

* `cli` is the `dynamo` command, `retired` answers command lines of earlier releases.
* `config` reads config files.
* `serve` starts one component as one process: `dynamo serve`.
* `deploy` writes what a target needs for a graph: `dynamo deploy`.
"""
