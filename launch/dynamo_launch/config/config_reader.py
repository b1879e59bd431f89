"""Reading config files: their YAML, and for `dynamo serve` the run configs in them.

Three shapes are distinguished by their keys: `components:` with a run config each (deployment
keys beside them, or in `deployments:`), or one component's keys at the top of the file.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.errors import ManifestError
from dynamo_conformance.manifest.node import Mapping, Mark, Scalar, Sequence
from dynamo_conformance.manifest.terminal_safe import shown
from dynamo_launch.config.keys import COMPONENT_KEYS, GRAPH_KEYS, VERSION
from dynamo_launch.config.run_config import ConfigFile, ConfigSource, RunConfig
from dynamo_launch.config.run_config_reader import check_keys, read_run, setting, setting_text
from dynamo_launch.errors import Place, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def read_source(path: Path) -> ConfigSource:
    """Return the mapping in the file at `path`.

    Raises:
        UsageError: The file cannot be read, or holds no mapping.
    """
    from dynamo_conformance.manifest.document import decoded
    from dynamo_conformance.manifest.files import IrregularFileError, read_file
    from dynamo_conformance.manifest.yaml import MAX_TEXT

    try:
        text = decoded(read_file(path, most=MAX_TEXT), file=str(path))
    except OSError as error:
        reason = error.reason if isinstance(error, IrregularFileError) else error.strerror
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    except ManifestError as error:
        raise UsageError(shown(error.reason), at=error) from error
    return parse_source(text, file=str(path))


def parse_source(text: str, *, file: str) -> ConfigSource:
    """Return the mapping that is the text of a config file.

    Raises:
        UsageError: It is no YAML, no mapping, or a Kubernetes manifest.
    """
    from dynamo_conformance.manifest.yaml import parse

    try:
        # Two are enough to see that there are several.
        documents = tuple(islice(parse(text, file=file, keys_as_written=True), 2))
    except ManifestError as error:
        raise UsageError(shown(error.reason), at=error) from error
    if len(documents) > 1:
        text = "a config file holds one document"
        raise UsageError(text, at=Place(file, documents[1].mark))
    root = documents[0] if documents else Scalar(None, Mark(1, 1))
    if not isinstance(root, Mapping):
        keys = ", ".join(GRAPH_KEYS)
        text = f"a config file is a mapping; it holds {keys}, or one component's keys"
        raise UsageError(text, at=Place(file, root.mark))
    source = ConfigSource(file, root)
    if "apiVersion" in root and "kind" in root:
        text = f"a Kubernetes manifest, no config file; run it with: dynamo up {file}"
        raise source.error(root.key_mark("kind"), text)
    return source


def read_config(source: ConfigSource) -> ConfigFile:
    """Return the run configs of a config file.

    Raises:
        UsageError: Something in it is wrong; the message says where and what to write.
    """
    many = "components" in source.node
    known = GRAPH_KEYS if many else (*GRAPH_KEYS, *COMPONENT_KEYS)
    check_keys(source, source.node, known, where="the file" if many else "")
    _check_version(source)
    return ConfigFile(
        file=source.file,
        name=setting_text(source, "name"),
        components=_components(source) if many else (read_run((source,)),),
    )


def _components(source: ConfigSource) -> tuple[RunConfig, ...]:
    components: dict[str, RunConfig] = {}
    for item in _items(source):
        if not isinstance(item, Mapping):
            text = "a component is a mapping with name and run_config"
            raise source.error(item.mark, text)
        own = ConfigSource(source.file, item)
        check_keys(own, item, COMPONENT_KEYS, where="a component")
        name = setting_text(own, "name")
        component = read_run((own, *_deployments(source, name)))
        if not name:
            raise source.error(item.mark, "a component without a name; give it one")
        if name in components:
            text = f'a second component is named "{name}"; give it another name'
            raise source.error(item.key_mark("name"), text)
        components[name] = component
    return tuple(components.values())


def _items(source: ConfigSource) -> Sequence:
    items = source.node.get("components")
    if isinstance(items, Sequence) and len(items):
        return items
    mark = items.mark if items is not None else source.node.key_mark("components")
    text = "components is a list with one entry for each component"
    raise source.error(mark, text)


def _deployments(source: ConfigSource, name: str) -> tuple[ConfigSource, ...]:
    """Return how a component is deployed: its command may stand there."""
    return tuple(
        ConfigSource(source.file, item)
        for item in source.node.mappings("deployments")
        if name and item.string("name") == name
    )


def _check_version(source: ConfigSource) -> None:
    value = source.node.get("version")
    if value is not None and setting(source, "version", value).text != VERSION:
        text = f"unknown version; this release reads {VERSION}"
        raise source.error(value.mark, text)
