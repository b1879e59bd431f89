"""vLLM refuses a key that it does not have in the JSON of a flag, and ends at start.

Many flags take an object whose keys are those of one config class, such as `--kv-transfer-config`
and `--compilation-config`. Keys come and go with vLLM's releases: `enable_fusion` of `pass_config`
is gone. The parser of the manifest's release refuses what it does not know. Flags that take
any object (`--hf-overrides`, `kv_connector_extra_config`) are not judged.

Fix: write the key that the message names, or leave it out.

PASS:
    args: [--compilation-config, '{"pass_config":{"fuse_norm_quant":true}}']

FAIL:
    args: [--compilation-config, '{"pass_config":{"enable_fusion":true}}']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynamo_conformance.engines import deprecated_values, json_options
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.image_release import parse_image
from dynamo_conformance.engines.parsing import unexpanded
from dynamo_conformance.lint.finding import Severity
from dynamo_conformance.lint.rule import Problem
from dynamo_conformance.manifest.suggest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.lint.engine_settings import EngineSettings
    from dynamo_conformance.lint.rule import Subject

SEVERITY = Severity.ERROR

_LIKENESS = 0.85
"""Keys look much alike, `enable_this` and `enable_that`; only a slip of the pen is one."""


def check(subject: Subject) -> Iterator[Problem]:
    """Yield each key that ends a vLLM worker."""
    for worker in subject.studied_settings:
        if worker.module == json_options.MODULE:
            for setting in json_options.load():
                yield from _unknown(worker, setting)


def _unknown(worker: EngineSettings, setting: str) -> Iterator[Problem]:
    text = worker.text(setting) if worker.given(setting) else None
    if text is None:
        return
    try:
        given = parse_json(text)
    except ValueError:
        return  # The parser's own to report.
    image = worker.part.component.main.image if worker.part.component.main is not None else None
    # An image of somebody's own may hold another vLLM.
    severity = None if not image or parse_image(image).is_published else Severity.WARNING
    for key in json_options.unknown_keys(json_options.load()[setting], given):
        if unexpanded(key.path) or _is_named(setting, key.path):
            continue
        where = f'component "{worker.part.component.name}": {worker.label(setting)}'
        name = key.path.rpartition(".")[2]
        meant = nearest(name, key.known, likeness=_LIKENESS)
        advice = f'did you mean "{meant}"?' if meant else f"known are {', '.join(key.known)}"
        message = f"{where} has no {key.path}, and vLLM ends at start; {advice}"
        yield Problem(worker.mark(setting), message, severity=severity)


def _is_named(setting: str, key: str) -> bool:
    """Whether the rule deprecated-value says what became of the key."""
    entries = deprecated_values.load(json_options.MODULE)
    return any((entry["setting"], entry["key"]) == (setting, key) for entry in entries)
