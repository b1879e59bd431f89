"""The pods that the Dynamo operator makes of a `Graph`, without a cluster.

* `ways` has what its releases do otherwise; all else is as 1.5.0-dev (2026-08-21) does it.
* `pod.render` makes the workloads: a Deployment or LeaderWorkerSet for each component.
* `pod_spec` makes their pods of `defaults` (the container of each type), `environment` (the
  variables of a pod), `volumes`, `pull_secrets`, and what `engine_launch`, `vllm_multinode` and
  `trtllm_multinode` change of the command line.
* `labels` and `names` say what all of it is called; `backend` which engine runs.
* `kubelet` looks up variables as the kubelet does, `relocation` moves a command line out of its
  pod: its listen ports and mounted paths.
"""
