"""What the API server and the operator's webhooks say of a manifest, offline.

`verdict.judge` is the way in: strict decoding (`decoding.py`, with advice from `field_advice.py`),
defaults (`defaulting.py`), the CRD's schema (`schema_validation.py`, `formats.py`), its CEL rules
(`cel.py`, `cel_library.py`), metadata (`metadata.py`, `name_rules.py`) and the webhooks
(`admission/`, one module per subject). `crd.py` loads the CRD, made by tools/crds.py,
`crd_history.py` joins those of older operators (tools/crd_history.py), `operator_releases.py` tells
the releases apart, `field_history.py` from which on a field is known; `cluster_parts.py` is what a
cluster may have.
"""
