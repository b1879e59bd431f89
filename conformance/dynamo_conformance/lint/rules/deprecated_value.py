"""Some values are accepted for the last time, or not any more.

A parser takes the word, or the JSON; only behind it the engine warns that the value will be
removed, takes another in its place, or ends. The next release refuses what this one warns of. With
NIXL, `"kv_role":"kv_both"` is such a value: prefill is the producer, decode the consumer. What was
read where in the engines' sources is in `engines/data/deprecated-values-1.6.1.json`.

Of TensorRT-LLM's values nothing is known here.

Fix: write the value that the message names.

PASS:
    args: [..., --kv-transfer-config, '{"kv_connector":"NixlConnector","kv_role":"kv_producer"}']

FAIL:
    args: [..., --kv-transfer-config, '{"kv_connector":"NixlConnector","kv_role":"kv_both"}']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import deprecated_values
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.deprecated_values import DeprecatedValue
    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.WARNING

_EFFECTS = {
    "deprecated": "is deprecated",
    "replaced": "was removed, and another is taken in its place",
    "refused": "ends the worker at start",
}


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each value that an engine is about to refuse, or refuses."""
    for settings in subject.studied_settings:
        for entry in deprecated_values.load(settings.module):
            yield from _values(settings, entry)


def _values(settings: EngineSettings, entry: DeprecatedValue) -> Iterator[Problem]:
    if not settings.given(entry["setting"]):
        return
    text = settings.text(entry["setting"])
    for value in dict.fromkeys(deprecated_values.written(entry, _read(entry, text))):
        advice = _advice(settings, entry, value)
        if advice is None:
            continue
        effect, severity = entry["effect"], None
        if effect == "refused" and _is_allowed(settings, entry):
            effect = "deprecated"
        elif effect == "refused":
            severity = Severity.ERROR
        here = f'component "{settings.part.component.name}": {settings.label(entry["setting"])}'
        words = " ".join(
            word for word in (here, entry["key"], f'"{value}"' if value else "") if word
        )
        message = f"{words} {_EFFECTS[effect]}; {advice}"
        yield Problem(settings.mark(entry["setting"]), message, severity=severity)


def _read(entry: DeprecatedValue, text: str | None) -> Json:
    if text is None or not entry["key"]:
        return text
    try:
        return parse_json(text)
    except ValueError:
        return None  # The parser's own to report.


def _advice(settings: EngineSettings, entry: DeprecatedValue, value: str | None) -> str | None:
    """Return what to write; None where that depends on a role that is another, or not known."""
    if value is None:
        key = entry.get("instead")
        return f"write {key}" if key else "leave it out"
    instead = entry.get("values", {}).get(value)
    if isinstance(instead, dict):
        instead = instead.get(str(settings.part.role))
        return None if instead is None else f'write "{instead}"'
    if instead is not None:
        return f'write "{instead}"'
    flag = "--" + entry["unless"].replace("_", "-") if "unless" in entry else ""
    return f"choose another, or add {flag}" if flag else "choose another"


def _is_allowed(settings: EngineSettings, entry: DeprecatedValue) -> bool:
    """Whether a switch has the value accepted, or may have."""
    switch = entry.get("unless")
    return switch is not None and (settings.unknown(switch) or settings.switched(switch))
