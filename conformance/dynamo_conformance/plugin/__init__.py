"""The pytest plugin: options, what is collected, what runs at once, and what a run leaves.

`hooks` is what pytest calls, `options` its options. `collect` makes collectors of manifests,
scripts and compose files, `items` are their checks. `jobs` serves each graph that was selected and
judges its probes, `scheduler` as many at once as there is room for; the room is that of a
`machine_session` (local, script, compose), a `cluster_session` (kind, cluster), an
`existing_session` (a graph that is in a cluster already) or an `address_session` (url). `progress`
writes lines while tests run, `summary` the closing table, `report` a page or JSON of it, `recorder`
what goes into the ledger.
"""
