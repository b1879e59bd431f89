"""A graph on a cluster that a kubeconfig and a context lead to.

Before: `preflight` reports what the cluster lacks, from its `capabilities`, our `permissions` and
whether pods fit on its nodes (`node_fit`). Deploying: `cluster_target` makes a `namespace`
(`namespace_owner`: whose it is) and lets kubectl `apply` the file (`apply_errors`: why it was
refused). Watching: `watch` keeps a `namespace_snapshot` current through `informer`s, with the
`run_state` that graphs share; `diagnoses` finds what keeps a graph from coming up, and
`progress_summary` how far it came. In place of deploying: `existing` finds a graph that is there,
and changes nothing. Using: `cluster_deployment` opens a `gateway` to the frontend and to workers
and lists the `admission_changes`. After a failure: `artifacts` fills a folder with the
`failure_page` (why.md), objects, logs and the `transcript` of requests.
"""
