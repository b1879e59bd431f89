"""The reference operator: stands in for the Dynamo operator where a cluster has none.

What runs when a worker dies, or anything else of a graph changes:

1. `controller`: kopf's watch brings the changed object; `object_cache` takes it in, and the graph
   that owns it goes to the `work_queue`, which reconciles each graph by itself.
2. `reconciler`: reads the graph with its workloads (`observed_graph`, `workload_state`), decides
   (`next_step`, by the rules of `rollout` and `restarts`), and asks `read_context` what the cluster
   has.
3. `objects`: makes all objects that the graph should have, without a cluster.
4. `object_writer`: writes those that differ (`object_changes`) through `cluster_api`.
5. `graph_status`, `status_writer`, `events`: what the graph's status and its events say now.

`webhook` answers the API server before any of this (`conversion` is its lossless conversion),
`installation` puts the operator into a cluster, and `__main__` is its process.
"""
