"""Images: what runs a graph, at the target's release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.image_release import image_release, parse_image, published
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.manifest.node import Mapping, Scalar, walk
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.text_edits import Replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.image_release import ImageReference
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.upgrade.text_edits import Edit

_OVERRIDE = "runtimeVersionOverride"


def release_said(reference: str) -> Release | None:
    """Return the release that the tag of an image says, or None."""
    judged = image_release(reference)
    if not judged.said:
        return None
    return Release.parse(judged.numbers or "") or judged.known


def changes(document: Document, new: Release) -> Iterator[Change]:
    """Yield each image of Dynamo, and each override, that says another release than the new one."""
    for path, node in walk(document.root):
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or not path:
            continue
        if path[-1] == "image":
            yield from _image(document, node, node.value, new)
        elif path[-1] == _OVERRIDE and Release.parse(node.value) not in (None, new):
            yield Change(
                area=Area.IMAGE,
                kind=Kind.WORTH,
                mark=node.mark,
                what=f"{_OVERRIDE} says {node.value}",
                fix=f"write {new} when the image holds it",
            )


def _image(document: Document, node: Scalar, text: str, new: Release) -> Iterator[Change]:
    image = parse_image(text)
    renamed = published()["renamed"].get(image.name)
    if not image.is_published and (renamed is None or "ai-dynamo" not in image.repository):
        old = release_said(text)
        if (
            old is not None
            and old.major <= new.major
            and old != new
            and _runs_dynamo(document, node)
        ):
            yield _own(node, text, new)
        return
    edits: list[Edit] = []
    words = []
    if renamed is not None:
        edits.append(Replace(node.mark, f"/{image.name}:", f"/{renamed}:"))
        words.append(f"it is called {renamed} now")
    old = release_said(text)
    if old is None:
        if image.tag or image.digest:
            yield _unknown(node, text, new)
        return
    if old == new and renamed is None:
        return
    plain = image.tag in (str(old), f"v{old}") and not image.digest
    if old != new:
        edits.append(Replace(node.mark, f":{image.tag}", f":{new}"))
        words.append(f"write the tag {new}")
    if not plain:
        words.append(f"see which build of {new} stands for {image.tag or 'the digest'}")
    yield Change(
        area=Area.IMAGE,
        kind=Kind.WORTH if renamed is None else Kind.BREAKS,
        mark=node.mark,
        what=f"image {text} is of Dynamo {old}",
        fix=", and ".join(words),
        edits=_joined(node, image, edits, renamed, new) if plain else (),
    )


def _joined(
    node: Scalar, image: ImageReference, edits: list[Edit], renamed: str | None, new: Release
) -> tuple[Edit, ...]:
    """Return one edit of name and tag: they stand next to each other."""
    if renamed is None:
        return tuple(edits)
    return (Replace(node.mark, f"/{image.name}:{image.tag}", f"/{renamed}:{new}"),)


def _own(node: Scalar, text: str, new: Release) -> Change:
    return Change(
        area=Area.IMAGE,
        kind=Kind.WORTH,
        mark=node.mark,
        what=f"image {text} is your own",
        fix=f"build it on Dynamo {new}, and give it a tag that says so",
    )


def _unknown(node: Scalar, text: str, new: Release) -> Change:
    return Change(
        area=Area.IMAGE,
        kind=Kind.WORTH,
        mark=node.mark,
        what=f"the tag of image {text} says no release",
        fix=f"write the tag {new}",
    )


def _runs_dynamo(document: Document, node: Scalar) -> bool:
    """Whether an image is that of a component's main container, and not of a sidecar."""
    for _path, outer in walk(document.root):
        if isinstance(outer, Mapping):
            if (main := outer.mapping("mainContainer")) is not None and main.get("image") is node:
                return True
            if outer.string("name") == "main" and outer.get("image") is node:
                return True
    return False
