"""What goes into an image, and the key it is found again by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynamo_conformance.images import ImageError, ImageSource, packages
from dynamo_conformance.images.recipe import PROJECT, digest, digest_of_sources

if TYPE_CHECKING:
    from pathlib import Path


def test_a_package_goes_with_what_python_needs_around_it() -> None:
    found = {
        source.to
        for source in packages("dynamo_conformance.images.base", "dynamo_conformance.kube.labels")
    }
    assert found == {
        f"{PROJECT}/dynamo_conformance/__init__.py",
        f"{PROJECT}/dynamo_conformance/images/__init__.py",
        f"{PROJECT}/dynamo_conformance/images/base.py",
        f"{PROJECT}/dynamo_conformance/kube/__init__.py",
        f"{PROJECT}/dynamo_conformance/kube/labels.py",
    }


def test_a_package_goes_whole_without_what_is_compiled() -> None:
    *_around, source = packages("dynamo_conformance.api")
    files = {to.removeprefix(f"{PROJECT}/dynamo_conformance/api/") for _path, to in source.files()}
    assert {"__init__.py", "admission/name_lengths.py"} <= files
    assert any(name.startswith("data/") for name in files)
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in files)


def test_a_package_that_is_not_there_is_said() -> None:
    with pytest.raises(ImageError, match=r"no package dynamo_conformance\.nothing"):
        packages("dynamo_conformance.nothing")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = ImageSource(tmp_path / "gone", "/gone")
    with pytest.raises(ImageError, match="gone is to go into an image, but is not there"):
        list(source.files())


def test_the_key_follows_content_names_and_modes(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "run.sh"
    file.parent.mkdir()
    file.write_text("echo 1\n")
    sources = (ImageSource(file.parent, "/in"),)
    keys = [digest_of_sources(sources)]
    file.write_text("echo 2\n")
    keys.append(digest_of_sources(sources))
    file.chmod(0o755)
    keys.append(digest_of_sources(sources))
    keys.append(digest_of_sources((ImageSource(file.parent, "/elsewhere"),)))
    assert len(set(keys)) == len(keys)
    (file.parent / "__pycache__").mkdir()
    (file.parent / "__pycache__" / "run.pyc").write_bytes(b"")
    assert digest_of_sources(sources) == keys[2]


def test_parts_of_a_digest_do_not_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")
