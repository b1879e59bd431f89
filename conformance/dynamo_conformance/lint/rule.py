"""Rules: what every module in `rules/` provides, and what it is given.

A rule is a module with a `SEVERITY` and a generator `check`; its name with dashes is the rule's id,
and its docstring the page in docs/rules.md: what is wrong and why, `Fix:` with what to do, `PASS:`
and `FAIL:` with a snippet of a manifest that passes and one that fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from dynamo_conformance.engines.releases import NEWEST
from dynamo_conformance.manifest.field_words import words_of
from dynamo_conformance.manifest.node import Scalar, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.api.cluster_parts import Cluster
    from dynamo_conformance.api.crd import Crd
    from dynamo_conformance.api.verdict import Verdict
    from dynamo_conformance.engines.memory import Model
    from dynamo_conformance.engines.releases import Release
    from dynamo_conformance.engines.role import Part
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.finding import Fix, Severity
    from dynamo_conformance.manifest.document import Document
    from dynamo_conformance.manifest.field_words import FieldWords
    from dynamo_conformance.manifest.graph import Graph
    from dynamo_conformance.manifest.node import Mapping, Mark, Path
    from dynamo_conformance.rendering.ways import Ways

RULES = "dynamo_conformance.lint.rules"
_MODULES = FilePath(__file__).parent / "rules"

YAML_RULE = "yaml"
API_VERSION_RULE = "api-version"
API_KIND_RULE = "api-kind"
PLACEHOLDER_RULE = "placeholder"
SUPPRESSION_REASON = "suppression-reason"
SUPPRESSION_UNUSED = "suppression-unused"
OWN_RULES = (YAML_RULE, API_VERSION_RULE, API_KIND_RULE, SUPPRESSION_REASON, SUPPRESSION_UNUSED)
"""What is reported without a module: texts that no rule can look at, and suppressions."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a rule reports.

    Attributes:
        mark: Where it was written.
        message: What is wrong, and what to do about it.
        path: The field; looked up from the mark when it is None.
        severity: How bad it is, where that is not the rule's own severity.
        fix: The fix, when it is safe.
        secret: Whether the line it stands in must not be shown.
        once: What a file need be told only once, however many of its graphs show it.
    """

    mark: Mark
    message: str
    path: Path | None = None
    severity: Severity | None = None
    fix: Fix | None = None
    secret: bool = False
    once: str = ""


class WrittenText(NamedTuple):
    """A text that somebody wrote.

    Attributes:
        path: The field.
        mark: Where it was written.
        value: What it says.
    """

    path: Path
    mark: Mark
    value: str


class Subject:
    """What a rule looks at: one document, the graph that it describes, and where it is to run.

    Attributes:
        document: The document.
        graph: The graph it describes; whatever has the wrong type in the document reads as absent.
        cluster: What the cluster has, or None when nobody said.
        models: Configurations of models that the settings give, by name.
        release: The release of components that say none.
    """

    def __init__(
        self,
        document: Document,
        graph: Graph,
        *,
        definition: Crd | None = None,
        cluster: Cluster | None = None,
        models: Iterable[tuple[str, Model]] = (),
        release: Release = NEWEST,
    ) -> None:
        self.document = document
        self.graph = graph
        self.cluster = cluster
        self.models = dict(models)
        self.release = release
        self._definition = definition

    @cached_property
    def words(self) -> FieldWords:
        """How the document's API version calls what advice names."""
        return words_of(self.document.version)

    @cached_property
    def verdict(self) -> Verdict:
        """What the API server says of the document."""
        from dynamo_conformance.api.verdict import judge

        return judge(self.document, definition=self._definition, cluster=self.cluster)

    @property
    def operator(self) -> str | None:
        """The version of the operator that judges; None is the newest."""
        return self._definition.operator.version if self._definition is not None else None

    @property
    def ways(self) -> Ways:
        """How that operator makes pods."""
        from dynamo_conformance.rendering.ways import ways

        return ways(self.operator)

    @cached_property
    def texts(self) -> tuple[WrittenText, ...]:
        """Every text in the document's `spec`, in document order."""
        spec = self.document.root.mapping("spec")
        return () if spec is None else tuple(_texts(spec))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every component with the role that its command line has in its own release.

        A component of a release before all that are known has none, and no words: what they mean
        there is not known.
        """
        from dynamo_conformance.engines.image_release import Fit

        return tuple(
            part
            if part.release.fit is not Fit.NONE
            else replace(part, role=None, command=None, arguments=None)
            for part in self.read_parts
        )

    @cached_property
    def read_parts(self) -> tuple[Part, ...]:
        """Every component with its command line, whatever release its image holds."""
        from dynamo_conformance.engines.role import parts

        return parts(self.graph, self.release)

    @cached_property
    def settings(self) -> tuple[EngineSettings, ...]:
        """The settings of every component; what one rule found out of them is there for all."""
        from dynamo_conformance.lint.engine_settings import EngineSettings

        return tuple(EngineSettings(part, self.graph) for part in self.parts)

    @cached_property
    def studied_parts(self) -> tuple[Part, ...]:
        """As `parts`; of a release whose engines' sources nobody read, there are no words."""
        return tuple(
            part
            if part.release.is_studied
            else replace(part, role=None, command=None, arguments=None)
            for part in self.parts
        )

    @cached_property
    def studied_settings(self) -> tuple[EngineSettings, ...]:
        """The settings of `studied_parts`."""
        from dynamo_conformance.lint.engine_settings import EngineSettings

        known = zip(self.parts, self.settings, self.studied_parts, strict=True)
        return tuple(
            settings if studied is part else EngineSettings(studied, self.graph)
            for part, settings, studied in known
        )

    @cached_property
    def has_neighbours(self) -> bool:
        """Whether other graphs may bring what this graph does not have."""
        from dynamo_conformance.lint.other_graphs import has_neighbours

        return has_neighbours(self.parts, self.graph)


def _texts(spec: Mapping) -> Iterator[WrittenText]:
    for path, node in walk(spec, ("spec",)):
        if isinstance(node, Scalar) and isinstance(node.value, str):
            yield WrittenText(path, node.mark, node.value)


def capped(part: Part) -> Severity | None:
    """Return how bad a fault at most is: a warning where the part's release is not certain."""
    from dynamo_conformance.lint.finding import Severity

    return None if part.release.is_certain else Severity.WARNING


class Rule(Protocol):
    """A module of `dynamo_conformance.lint.rules`."""

    __name__: str
    __doc__: str | None
    SEVERITY: Severity

    def check(self, subject: Subject) -> Iterator[Problem]:
        """Yield what is wrong with `subject`."""


def rule_ids() -> tuple[str, ...]:
    """Return the id of every rule, in order; its module is called the same with underscores."""
    return tuple(
        sorted(
            module.stem.replace("_", "-")
            for module in _MODULES.glob("*.py")
            if module.name != "__init__.py"
        )
    )


@cache
def all_ids() -> tuple[str, ...]:
    """Return every id that a finding can have."""
    return (*rule_ids(), *OWN_RULES)


def id_of(rule: Rule) -> str:
    """Return the id of a rule: the name of its module, with dashes."""
    return rule.__name__.rpartition(".")[2].replace("_", "-")


def load_rules(ids: Iterable[str] | None = None) -> tuple[Rule, ...]:
    """Return the rules of these ids, or every rule; only what is asked for is imported."""
    wanted = rule_ids() if ids is None else ids
    return tuple(
        cast("Rule", import_module(f"{RULES}.{rule.replace('-', '_')}")) for rule in wanted
    )
