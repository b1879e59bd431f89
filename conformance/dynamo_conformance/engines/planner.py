"""The planner's config: what `dynamo.planner` makes of the value of `--config`.

The schemas in `data`, a release's each, are those of the planner's own model
(`tools/planner_config.py`). The model is lenient: it takes `"4"` for a number, and passes over a
field that it does not know. Before 1.0 the planner had flags, and no config.
"""

from __future__ import annotations

import json
from functools import cache
from math import isclose, isqrt
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, cast

from dynamo_conformance.engines.catalog import RELEASE
from dynamo_conformance.engines.config_file import load
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.flag_values import PYDANTIC_FALSE, PYDANTIC_TRUE
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dynamo_conformance.engines.flag import Json

    Entries = dict[str, Json]

MODULE = "dynamo.planner"
_DATA = Path(__file__).parent / "data"
_RENAMED = {"no_operation": "advisory", "aic_perf_model": "ais_perf_model"}
_NO_ALIASES: Mapping[str, str] = {}
_BY_NAME = "HoldPolicy"
"""A number in the schema, and a name in the files that people write."""


class _Schema(TypedDict, total=False):
    type: str
    properties: dict[str, _Schema]
    additionalProperties: bool | _Schema
    required: list[str]
    items: _Schema
    enum: list[Json]
    anyOf: list[_Schema]
    default: Json
    minimum: float
    exclusiveMinimum: float
    maximum: float
    exclusiveMaximum: float
    minLength: int


class ConfigFault(NamedTuple):
    """Something about the config that is not as its author meant it.

    Attributes:
        message: What it is, and what to write.
        ends: Whether the planner ends over it; it passes over the others.
    """

    message: str
    ends: bool = True


def is_inline(value: str) -> bool:
    """Whether the value of `--config` is the config itself, and names no file."""
    text = value.strip()
    return not text or text[0] in "{[\"'" or "\n" in text or ": " in text


def read(value: str, files: Mapping[str, str]) -> Entries | str | None:
    """Return what the value of `--config` holds.

    Args:
        value: The value.
        files: The texts of the files that are known, by path.

    Returns:
        The entries; a text that says why there are none; None when the file is not known.
    """
    if not is_inline(value):
        text = files.get(value)
        if text is None:
            return None
        entries = load(text)
        return f"{value} holds no mapping" if entries is None else entries
    try:
        parsed = parse_json(value)
    except ValueError as error:
        return f"neither a file nor JSON ({error}); write one JSON object"
    return parsed if isinstance(parsed, dict) else "a JSON value that is no object"


def fields(*, release: str = RELEASE) -> frozenset[str]:
    """Return the fields of a release's config, by all of their names; none before 1.0."""
    model = _model(release)
    return frozenset((*model.schema.get("properties", {}), *model.aliases))


def setting(entries: Entries, name: str, *, release: str = RELEASE) -> Json:
    """Return a field of the config, or its default."""
    if name in entries:
        return entries[name]
    return _model(release).schema.get("properties", {}).get(name, {}).get("default")


def faults(entries: Entries, *, release: str = RELEASE) -> Iterator[ConfigFault]:
    """Yield what the planner of a release refuses, and what it passes over.

    What it refuses of several fields together is known of the newest release alone.
    """
    model = _model(release)
    if not model.schema:
        return
    aliases = model.aliases
    wrong = list(_object(_read_fields(entries, aliases), model.schema, "", aliases=aliases))
    yield from wrong
    if release == RELEASE and not any(fault.ends for fault in wrong):
        yield from (ConfigFault(text) for text in _together(_Settings(entries)))


def _read_fields(entries: Entries, aliases: Mapping[str, str]) -> Entries:
    """Return the entries without those that the model does not look at."""
    hidden = {other for other, name in aliases.items() if name in entries}
    if entries.get("scheduling", 0) is None:
        hidden.add("scheduling")
    return {key: value for key, value in entries.items() if key not in hidden}


def _object(
    entries: Entries, schema: _Schema, path: str, *, aliases: Mapping[str, str] = _NO_ALIASES
) -> Iterator[ConfigFault]:
    known = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    for key, value in entries.items():
        at = f"{path}{key}"
        below = known.get(aliases.get(key, key))
        if below is not None:
            yield from _value(value, below, at)
        elif isinstance(extra, dict):
            yield from _value(value, extra, at)
        elif extra is not True:
            # The release that renamed it refuses the older name; those before did not know it.
            is_old_name = key == "aic_perf_model" and _RENAMED[key] in known
            yield _unknown(key, known, at, ends=extra is False or is_old_name)
    for key in schema.get("required", ()):
        if key not in entries:
            yield ConfigFault(f"{path}{key} is missing")


def _unknown(key: str, known: Mapping[str, _Schema], at: str, *, ends: bool) -> ConfigFault:
    renamed = _RENAMED.get(key)
    advice = f"; write {renamed}" if renamed in known else did_you_mean(key, known)
    what = "refuses" if ends else "passes over"
    return ConfigFault(f"the planner {what} {at}, which is no field of it{advice}", ends=ends)


def _value(value: Json, schema: _Schema, at: str) -> Iterator[ConfigFault]:
    options = schema.get("anyOf")
    if options is not None:
        if value is not None or not any(option.get("type") == "null" for option in options):
            wanted = [option for option in options if option.get("type") != "null"]
            yield from _value(value, wanted[0], at) if len(wanted) == 1 else ()
    elif "enum" in schema:
        yield from _choice(value, schema["enum"], at)
    elif schema.get("type") == "object":
        if isinstance(value, dict):
            yield from _object(value, schema, f"{at}.")
        else:
            yield ConfigFault(f"{at} must be an object")
    elif schema.get("type") == "array":
        if not isinstance(value, list):
            yield ConfigFault(f"{at} must be a list")
            return
        for index, item in enumerate(value):
            yield from _value(item, schema.get("items", {}), f"{at}[{index}]")
    else:
        yield from _scalar(value, schema, at)


def _choice(value: Json, known: list[Json], at: str) -> Iterator[ConfigFault]:
    if value in known:
        return
    names = [str(choice) for choice in known]
    hint = did_you_mean(str(value), names) or f"; known are {', '.join(names)}"
    yield ConfigFault(f"{at} has no value {json.dumps(value)}{hint}")


def _scalar(value: Json, schema: _Schema, at: str) -> Iterator[ConfigFault]:
    kind = schema.get("type", "")
    if kind not in _KINDS:
        return
    name, convert = _KINDS[kind]
    number = convert(value)
    if number is None:
        yield ConfigFault(f"{at} must be {name}, not {json.dumps(value)}")
        return
    for key, holds, words in _LIMITS:
        limit = schema.get(key)
        if isinstance(limit, int | float) and kind != "string" and not holds(number, limit):
            yield ConfigFault(f"{at} must be {words} {limit:g}, not {json.dumps(value)}")
    if kind == "string" and number < schema.get("minLength", 0):
        yield ConfigFault(f"{at} must not be empty")


def _number(value: Json) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _whole(value: Json) -> float | None:
    number = _number(value)
    return number if number is not None and number.is_integer() else None


def _truth(value: Json) -> float | None:
    if isinstance(value, bool) or value in (0, 1):
        return 1.0 if value else 0.0
    word = value.strip().lower() if isinstance(value, str) else ""
    return 1.0 if word in PYDANTIC_TRUE else 0.0 if word in PYDANTIC_FALSE else None


def _length(value: Json) -> float | None:
    return float(len(value)) if isinstance(value, str) else None


_KINDS: Mapping[str, tuple[str, Callable[[Json], float | None]]] = {
    "integer": ("a whole number", _whole),
    "number": ("a number", _number),
    "boolean": ("true or false", _truth),
    "string": ("a text", _length),
}
_LIMITS: tuple[tuple[str, Callable[[float, float], bool], str], ...] = (
    ("minimum", lambda value, limit: value >= limit, "at least"),
    ("maximum", lambda value, limit: value <= limit, "at most"),
    ("exclusiveMinimum", lambda value, limit: value > limit, "more than"),
    ("exclusiveMaximum", lambda value, limit: value < limit, "less than"),
)


class _Settings:
    """The config with the model's defaults and other names filled in."""

    def __init__(self, entries: Entries) -> None:
        aliases = _model(RELEASE).aliases
        # The field's own name comes before its other ones.
        self._entries = {aliases.get(key, key): value for key, value in entries.items()} | entries

    def get(self, name: str) -> Json:
        return setting(self._entries, name)

    def given(self, name: str) -> bool:
        return self._entries.get(name) is not None

    def number(self, name: str) -> float:
        return _number(self.get(name)) or 0.0

    def on(self, name: str) -> bool:
        return _truth(self.get(name)) == 1.0


def _together(config: _Settings) -> Iterator[str]:
    """Yield what the model's own checks of several fields refuse."""
    mode = str(config.get("mode"))
    if config.number("ttft_ms") <= 0:
        yield "ttft_ms must be more than 0"
    for role, excluded in (("prefill", ("decode", "agg")), ("decode", ("prefill", "agg"))):
        if mode in excluded and config.given(f"{role}_min_endpoint"):
            yield f"{role}_min_endpoint is not taken with mode {mode}; write min_endpoint"
    if config.given("report_interval_hours") and config.number("report_interval_hours") <= 0:
        yield "report_interval_hours must be more than 0, or null"
    size = int(config.number("fpm_sample_bucket_size"))
    if isqrt(size) ** 2 != size:
        yield f"fpm_sample_bucket_size must be a square number such as 16, not {size}"
    if config.get("environment") == "global-planner" and not config.get("global_planner_namespace"):
        yield "environment global-planner needs global_planner_namespace, where that planner is"
    yield from _power(config, mode)
    if config.get("optimization_target") == "load":
        yield from _load(config, mode)
    yield from _scaling(config)


def _power(config: _Settings, mode: str) -> Iterator[str]:
    if not config.on("enable_power_awareness"):
        return
    if not config.given("total_gpu_power_limit"):
        yield "enable_power_awareness needs total_gpu_power_limit, in watts"
    if config.get("environment") != "kubernetes":
        yield "enable_power_awareness needs environment kubernetes"
    if mode == "agg":
        yield "enable_power_awareness is not taken with mode agg"


def _load(config: _Settings, mode: str) -> Iterator[str]:
    """Yield the thresholds that scaling by load misses."""
    pairs = (
        ("prefill_scale_up_queue_tokens", "prefill_scale_down_queue_tokens", ("disagg", "prefill")),
        ("decode_scale_up_kv_rate", "decode_scale_down_kv_rate", ("disagg", "decode", "agg")),
    )
    for up, down, modes in pairs:
        if mode not in modes:
            continue
        if not (config.given(up) and config.given(down)):
            yield f"optimization_target load needs {up} and {down} with mode {mode}"
        elif config.number(up) <= config.number(down):
            yield f"{up} must be more than {down}"


def _scaling(config: _Settings) -> Iterator[str]:
    yield from _cadence(config)
    # Every target but this one scales by load, whatever the two switches say.
    if config.get("optimization_target") != "sla" or not config.on("enable_throughput_scaling"):
        if config.get("optimization_target") == "sla" and not config.on("enable_load_scaling"):
            yield "turn enable_throughput_scaling or enable_load_scaling on"
        return
    slow = config.number("throughput_adjustment_interval_seconds")
    if slow <= 0:
        yield "throughput_adjustment_interval_seconds must be more than 0"
    fast = config.number("load_adjustment_interval_seconds")
    if 0 < slow <= fast and config.on("enable_load_scaling"):
        yield (
            "load_adjustment_interval_seconds must be less than "
            "throughput_adjustment_interval_seconds"
        )


def _cadence(config: _Settings) -> Iterator[str]:
    scheduling = config.get("scheduling")
    given = scheduling.get("scale_interval_seconds") if isinstance(scheduling, dict) else None
    step = _number(given)
    by_target = config.get("optimization_target") == "sla"
    names = ["load_adjustment_interval_seconds"]
    if by_target and config.on("enable_throughput_scaling"):
        names.append("throughput_adjustment_interval_seconds")
    for name in names:
        ratio = config.number(name) / step if step else 0.0
        if not isclose(ratio, round(ratio), rel_tol=1e-9, abs_tol=1e-9):
            yield f"scheduling.scale_interval_seconds must divide {name}"


class _Data(TypedDict):
    aliases: dict[str, str]
    schema: _Schema


class _Model(NamedTuple):
    """The planner's model of a release: other names of its fields, and its schema."""

    aliases: Mapping[str, str]
    schema: _Schema


@cache
def _model(release: str) -> _Model:
    path = _DATA / f"planner-config-{release}.json"
    if not path.exists():
        return _Model({}, {})
    data = cast("_Data", json.loads(path.read_text(encoding="utf-8")))
    definitions = cast("dict[str, dict[str, Json]]", data["schema"]).get("$defs", {})
    return _Model(data["aliases"], cast("_Schema", _resolved(data["schema"], definitions)))


def _resolved(schema: object, definitions: Mapping[str, Json]) -> object:
    """Return the schema with what it refers to in place of each reference."""
    if isinstance(schema, list):
        return [_resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        return {} if name == _BY_NAME else _resolved(definitions[name], definitions)
    return {key: _resolved(item, definitions) for key, item in schema.items() if key != "$defs"}
