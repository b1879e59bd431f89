"""Reading manifests: text to positioned nodes, nodes to documents, documents to one `Graph`.

`yaml.py` parses into the nodes of `node.py`, `document.py` and `read.py` are the way in, `graph.py`
is what they read; `v1beta1.py` and `v1alpha1.py` read the API versions, `to_v1alpha1.py`,
`conversion_annotations.py` and `emitter.py` write them. `config_maps.py`, `prerequisites.py`,
`variable_expansion.py` and `merge.py` follow what Kubernetes and the operator do with a manifest.
Shared by all rooms: `jsonschema.py` (a schema over nodes), `files.py` (bounded reads, atomic
writes), `quantity.py`, `masking.py` (secrets), `terminal_safe.py` (safe output) and `suggest.py`
("did you mean").
"""
