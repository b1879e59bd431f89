"""Some features are switched on in two places, and half of that is nothing.

Adapters need a flag and a variable, an offloading connector needs a memory to offload to, a flag
about images needs the flag that allows them. With one of the two the worker starts without what its
author meant, or ends with an error. The pairs were read in the sources of Dynamo 1.6.1 and of the
engines that it pins.

Fix: write the other half, which the message names, or take out the one that is there.

PASS:
    args: [--model, Qwen/Qwen3-0.6B, --enable-lora]
    env: [{name: DYN_LORA_ENABLED, value: "true"}]

FAIL:
    args: [--model, Qwen/Qwen3-0.6B, --enable-lora]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines.arguments import switches_on
from dynamo_conformance.engines.features import connectors
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.flag_dependencies import TRTLLM, VLLM, halves_of
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject
    from dynamo_conformance.manifest.graph import EnvVar
    from dynamo_conformance.manifest.node import Mark

SEVERITY = Severity.WARNING

_OFF = (None, "", "False", "0")
_KVBM_CONNECTOR = "DynamoConnector"
_EVENTS = "kv_events_config"
_SWITCH = "enable_kv_cache_events"
_ABOUT_EVENTS = ("publisher", "endpoint")
_CONNECTOR = {VLLM: "kv_transfer_config", TRTLLM: "connector"}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each setting whose other half is known to be missing."""
    for settings in subject.studied_settings:
        part = settings.part
        if part.arguments is None:
            continue
        terms = _Terms(settings)
        reported: set[str] = set()
        for half in halves_of(settings.module):
            if half.given in reported:
                continue
            if not terms.is_on(half.given, own=True):
                continue
            if all(any(terms.is_on(term) is False for term in way) for way in half.needs):
                reported.add(half.given)
                where = f'component "{part.component.name}"'
                text = f"{where} has {terms.label(half.given)}, but {half.effect}; {half.advice}"
                severity = Severity.ERROR if half.ends else SEVERITY
                yield Problem(terms.mark(half.given), text, severity=severity)


class _Terms:
    """Looks terms up in the settings of one component."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        main = settings.part.component.main
        command = settings.part.command
        script = command.environment if command is not None else ()
        self._own: tuple[EnvVar, ...] = (*(main.env if main is not None else ()), *script)
        texts = [word.text for word in main.command + main.args] if main is not None else []
        self._script = "\n".join(texts)
        sources = main.node.mappings("envFrom") if main is not None else ()
        # A secret holds what is secret; a ConfigMap may hold any variable.
        self._may_hold_any = any("configMapRef" in source for source in sources)

    def is_on(self, term: str, *, own: bool = False) -> bool | None:
        """Return whether a term is on; None when nobody can tell.

        Args:
            term: The term.
            own: Whether a variable counts only when it is the component's own, and not the graph's.
        """
        if term.startswith("$"):
            return self._variable(term[1:], own=own)
        if term.startswith("given:"):
            return self._settings.given(term.removeprefix("given:"))
        if term.startswith("option:"):
            given = self._settings.option(term.removeprefix("option:"))
            return None if self._settings.options is None else given is True
        if term in _SPECIAL:
            return _SPECIAL[term](self)
        dest, equals, value = term.partition("=")
        if self._settings.unknown(dest):
            return None
        if equals:
            return self._settings.text(dest) == value
        return self._settings.given(dest) and self._settings.text(dest) not in _OFF

    def mark(self, term: str) -> Mark:
        """Return where a term was written."""
        if term.startswith("$"):
            variable = self._named(term[1:], self._own)
            return variable[0].mark if variable else self._settings.mark()
        if term.startswith("option:"):
            return self._settings.option_mark(term.removeprefix("option:"))
        return self._settings.mark(self._dest(term))

    def label(self, term: str) -> str:
        """Return what a term is called where it was written."""
        if term.startswith("$"):
            variable = self._named(term[1:], self._own)
            return variable[0].name if variable else term[1:]
        if term.startswith("option:"):
            return self._settings.option_label(term.removeprefix("option:"))
        label = self._settings.label(self._dest(term))
        _dest, equals, value = term.partition("=")
        return f"{label} {value}" if equals else label

    def _dest(self, term: str) -> str:
        if term == "kvbm":
            return _CONNECTOR[self._settings.module]
        if term == "events-without-switch":
            return _EVENTS
        return term.removeprefix("given:").partition("=")[0]

    def _named(self, name: str, among: tuple[EnvVar, ...]) -> list[EnvVar]:
        beginning = name.removesuffix("*")
        if beginning != name:
            return [key for key in among if key.name.startswith(beginning)]
        return [key for key in among if key.name == name]

    def _variable(self, name: str, *, own: bool) -> bool | None:
        graph = self._settings.graph_env
        variable = self._named(name, self._own if own else (*graph, *self._own))
        if not variable:
            hidden = self._may_hold_any or name.removesuffix("*") in self._script
            return None if hidden and not own else False
        value = variable[-1].value
        if value is None or unexpanded(value):
            return None
        return bool(value) if name.endswith("*") else switches_on(value)

    def kvbm(self) -> bool | None:
        """Return whether KVBM is the worker's connector, or one of them."""
        dest = _CONNECTOR.get(self._settings.module)
        if dest is None or self._settings.unknown(dest):
            return None
        if self._settings.module == TRTLLM:
            return self._settings.text(dest) == "kvbm"
        return _KVBM_CONNECTOR in connectors(self._settings.part)

    def gms_server(self) -> bool | None:
        """Return whether something in the pod may be the GPU memory service."""
        component = self._settings.part.component
        experimental = component.node.mapping("experimental")
        if experimental is not None and "gpuMemoryService" in experimental:
            return True
        pod = component.pod_spec
        others = pod.mappings("initContainers") if pod is not None else ()
        return bool(others) or len(component.containers) > 1

    def events_without_switch(self) -> bool | None:
        """Return whether a config of KV events says how, and not that."""
        text = self._settings.text(_EVENTS)
        if text is None:
            return False
        try:
            config = parse_json(text)
        except ValueError:
            return False
        if not isinstance(config, dict) or _SWITCH in config:
            return False
        return any(config.get(key) not in (None, "null") for key in _ABOUT_EVENTS)


_SPECIAL = {
    "kvbm": _Terms.kvbm,
    "gms-server": _Terms.gms_server,
    "events-without-switch": _Terms.events_without_switch,
}
