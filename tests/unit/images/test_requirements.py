"""Images hold what this project requires, in the versions that it says."""

from __future__ import annotations

import pytest

from dynamo_conformance.images import ImageError, recipe
from dynamo_conformance.images.recipe import requirements

REQUIRED = ["click>=8.1", "pyyaml<7,>=6.0", 'kopf>=1.37; extra == "operator"', 'uv; extra == "k"']


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "requires", {"dynamo-conformance": REQUIRED}.get)


def test_requirements_are_those_of_the_base_and_of_one_extra() -> None:
    assert requirements("kopf", "pyyaml", extra="operator") == ("kopf>=1.37", "pyyaml<7,>=6.0")
    assert requirements(extra="operator") == ()


@pytest.mark.parametrize("name", ["uv", "nothing"])
def test_what_is_not_required_is_said(name: str) -> None:
    with pytest.raises(ImageError, match=rf"does not require {name}; install it again"):
        requirements("kopf", name, extra="operator")
