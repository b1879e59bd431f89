"""A kind cluster on this machine, set up for examples; `targets.cluster` then deploys them.

`base_setup` does it all, for a set of manifests and what they need together (`graph_requirements`).
`kind_cluster` creates, fills and deletes the cluster (`required_programs`: docker, kind, kubectl);
`operator_setup` installs the reference operator where there is none; `simulated_resources` has
nodes advertise GPUs and scales requests down; `leader_worker_set` runs graphs that span nodes;
`placeholders` stand for the Secrets, claims and the like that manifests expect.
"""
