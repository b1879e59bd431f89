"""`$(NAME)` as the kubelet expands it: the cases follow its own expansion.Expand."""

from __future__ import annotations

import pytest

from dynamo_conformance.manifest.variable_expansion import expand

ENV = {"A": "one", "LWS_WORKER_INDEX": "1"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("--x=$(A)", "--x=one"),
        ("$(A)$(A)", "oneone"),
        ("$(B)", "$(B)"),
        ("$$(A)", "$(A)"),
        ("$A ${A}", "$A ${A}"),
        ("$(A", "$(A"),
        ("100$", "100$"),
        ("a $(A) b $(A) c", "a one b one c"),
        ("$(B)$(A)$$$(A)", "$(B)one$one"),
        ("$x$(A)", "$xone"),
        ("no reference", "no reference"),
        # The operator writes this for the follower of a data parallel group; the reference ends at
        # the first bracket, so the kubelet leaves all of it to the shell.
        ("$(( 8 * $(LWS_WORKER_INDEX) ))", "$(( 8 * $(LWS_WORKER_INDEX) ))"),
    ],
)
def test_references(text: str, expanded: str) -> None:
    assert expand(text, ENV) == expanded
