"""What one component of a graph is made from, and where origins and errors are collected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Scalar
from dynamo_launch.config.graph_config import ValueOrigin

if TYPE_CHECKING:
    from dynamo_launch.config.config_error import ConfigErrors
    from dynamo_launch.config.graph_config import ComponentConfig, ConfigValue
    from dynamo_launch.config.run_config import RunConfig
    from dynamo_launch.deploy.source_map import SourceMap
    from dynamo_launch.errors import Located


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentInput:
    """What a component is made from.

    Attributes:
        config: What the files set for it.
        run: What it is started with.
        source_map: Gets the origins of its values.
        errors: Gets what is wrong.
    """

    config: ComponentConfig
    run: RunConfig
    source_map: SourceMap
    errors: ConfigErrors

    @property
    def name(self) -> ValueOrigin:
        """Where its name stands."""
        name = self.config.name
        return ValueOrigin(name.file, name.mark, "name")

    def value(self, key: str) -> ConfigValue | None:
        """Return what stands under a key of the component, or None."""
        return self.config.value(key)

    def text(self, value: ConfigValue) -> Scalar:
        """Return a value as text of the graph."""
        return self.source_map.text(value.text, value.origin)

    def number(self, value: ConfigValue) -> Scalar:
        """Return a value as a whole number of the graph."""
        return self.source_map.number(value.whole, value.origin)

    def copied(self, value: ConfigValue | None) -> Scalar | None:
        """Return a value as it is as a node of the graph, or None when it is no scalar."""
        if value is None or not isinstance(value.node, Scalar):
            return None
        return Scalar(value.node.value, self.source_map.mark(value.origin), value.node.text)

    def error(self, at: Located, text: str) -> None:
        """Add what keeps files from being written."""
        self.errors.error(at, text)

    def warn(self, at: Located, text: str) -> None:
        """Add what is only worth a warning."""
        self.errors.warn(at, text)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that are written with their values."""
        written = self.value("environment")
        return {field.key: field.text for field in written.fields()} if written is not None else {}
