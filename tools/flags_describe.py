"""Describe one argparse action as data: what the catalog records about a flag."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable  # noqa: TC003 - small enough to import
from enum import Enum
from pathlib import Path

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_TAKES = {None: "one", 0: "none", "?": "optional", "*": "many", "+": "at-least-one"}
_EXITS = (argparse._HelpAction, argparse._VersionAction)  # noqa: SLF001

# How a converter function is called in the catalog. A function that is not here stops the dump:
# somebody has to look at what it accepts.
_TYPES = {
    "str": "str",
    "int": "int",
    "float": "float",
    "Path": "str",
    "loads": "json",
    "nullable_str": "str",
    "nullable_int": "int",
    "nullable_float": "float",
    "json_list_type": "json",
    "parse_cuda_graph_config_arg": "object",
    "union_dict_and_str": "json-or-str",
    "_parse_structural_tag": "bool-or-json",
    "_conditional_disagg_config_arg": "object",
    "parse_ais_perf_config": "json-or-str",
    "_compute_kwargs.<locals>.parse_dataclass": "object-with-sizes",
    # Both read a folder or a name that only the running machine can judge.
    "validate_model_name": "str",
    "validate_model_path": "str",
    # Kinds of bandwidth words and lists that are split at commas.
    "KvRouterArgGroup.add_arguments.<locals>.<lambda>": "str",
    "human_readable_int_or_auto": "size-or-auto",
    "_positive_int": "int",
    "parse_tiers": "json",
    "_nullable_int": "str",
    "positive_int": "positive-int",
    "non_negative_int": "non-negative-int",
    "non_negative_float": "non-negative-float",
    "bool": "str",  # Every word is one, and any but the empty one is true.
    "validate_static_endpoint": "static-endpoint",
}
# What older releases called by names that stand for something else now.
_OLDER_TYPES = {
    "dynamo.frontend.frontend_args._nullable_int": "int-or-none",
    "dynamo.frontend.frontend_args._nullable_float": "float-or-none",
    "dynamo.common.configuration.groups.router_args._nullable_int": "int-or-none",
    "dynamo.common.configuration.groups.router_args._nullable_float": "float-or-none",
}
_NULLABLE = frozenset({"nullable_int", "nullable_float"})
# The same name stands for two functions: `1k` and `1K` to vLLM, `1k` and `1Ki` to SGLang.
_SIZES = {"vllm": "size", "sglang": "size-iec"}
# The runtime lists its own parsers in another order each time.
_UNORDERED = frozenset({"dyn_tool_call_parser", "dyn_reasoning_parser"})
_BAD_VALUE = "~not a value~"


def flag(
    action: argparse.Action,
    *,
    owner: str,
    stage: int,
    env: list[str],
    deprecated: bool,
) -> dict[str, Json]:
    """Return what the catalog records about `action`; what is empty is left out.

    Args:
        action: An action of a parser that a module built.
        owner: Whose flag it is: `dynamo`, `router` or `engine`.
        stage: Which of the module's parsers reads it, counted from 0.
        env: Environment variables that supply its default.
        deprecated: Whether the parser itself calls it deprecated.

    Raises:
        ValueError: when the action is of a kind that the catalog has no words for.
    """
    if action.nargs not in _TAKES:
        raise ValueError(f"{action.option_strings}: nargs {action.nargs!r} is new")
    takes = _TAKES[action.nargs]
    data: dict[str, Json] = {
        "names": list(action.option_strings),
        "dest": action.dest,
        "owner": owner,
        "stage": stage,
        "takes": takes,
    }
    if takes != "none":
        data |= _conversion(action)
    if takes in ("none", "optional"):
        data["const"] = plain(action.const) if action.const is not None else True
    data["default"] = None if action.default == argparse.SUPPRESS else plain(action.default)
    extras: dict[str, Json] = {
        "choices": _choices(action),
        "negatives": _negatives(action),
        "env": env[0] if env else None,
        "older_env": list(env[1:]),
        "deprecated": _deprecation(action) or ("deprecated" if deprecated else None),
        "repeatable": isinstance(action, argparse._AppendAction),  # noqa: SLF001
        "required": action.required,
        "exits": isinstance(action, _EXITS),
    }
    return data | {key: value for key, value in extras.items() if value}


def plain(value: object) -> Json:
    """Return a default as JSON; a configuration object, which no flag can spell, as None."""
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value, key=str)]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return None


def _conversion(action: argparse.Action) -> dict[str, Json]:
    """Return the type of the action's words, and how its parser words a refusal."""
    convert = action.type
    if convert is None:
        return {"type": "str"}
    if not callable(convert):
        raise ValueError(f"{action.option_strings}: type {convert!r} is new")  # noqa: TRY004
    inner, nullable = _unwrap(convert)
    if inner.__qualname__ == "EngineArgs.add_cli_args.<locals>.<lambda>":
        # Lower case and underscores where there are choices; a list split at commas elsewhere.
        kind = "word" if action.choices is not None else "str"
    elif inner.__name__ == "human_readable_int":
        kind = _SIZES[inner.__module__.partition(".")[0]]
    elif f"{inner.__module__}.{inner.__qualname__}" in _OLDER_TYPES:
        kind = _OLDER_TYPES[f"{inner.__module__}.{inner.__qualname__}"]
    elif inner.__qualname__ in _TYPES:
        kind = _TYPES[inner.__qualname__]
    else:
        raise ValueError(f"{action.option_strings}: converter {inner.__qualname__} is new")
    data: dict[str, Json] = {"type": kind}
    if nullable or inner.__name__ in _NULLABLE:
        data["nullable"] = True
    refusal = _refusal(convert)
    if refusal is not None:
        data["refusal"] = refusal
    return data


def _unwrap(convert: Callable[[str], object]) -> tuple[Callable[[str], object], bool]:
    """Return the function inside vLLM's `optional_type` and `parse_type`, and if None is allowed.

    `optional_type` lets the empty word and `None` stand for no value.
    """
    name = getattr(convert, "__qualname__", "")
    if name not in ("optional_type.<locals>._optional_type", "parse_type.<locals>._parse_type"):
        return convert, False
    cells = getattr(convert, "__closure__", None) or ()
    (inner,) = (cell.cell_contents for cell in cells)
    return _unwrap(inner)[0], name.startswith("optional_type")


def _refusal(convert: Callable[[str], object]) -> str | None:
    """Return how `convert` words its refusal, with `{value}` for the word; None for no refusal."""
    try:
        convert(_BAD_VALUE)
    except argparse.ArgumentTypeError as error:
        text = str(error)
    except (ValueError, TypeError):
        name = getattr(convert, "__name__", "")
        return f"invalid {name} value: " + "{value!r}"
    else:
        return None
    if "\n" in text or "{" in text or _BAD_VALUE not in text:
        return None
    text = re.sub(r" at 0x[0-9a-f]+", "", text)  # The address of a function, by chance.
    return text.replace(repr(_BAD_VALUE), "{value!r}").replace(_BAD_VALUE, "{value}")


def _choices(action: argparse.Action) -> list[Json] | None:
    if action.choices is None:
        return None
    choices = [plain(choice) for choice in action.choices]
    if isinstance(action.choices, set | frozenset) or action.dest in _UNORDERED:
        choices.sort(key=str)
    if "ais" in choices and callable(action.type) and action.type("aic") == "ais":
        choices.append("aic")
    return choices


def _negatives(action: argparse.Action) -> list[Json]:
    if not isinstance(action, argparse.BooleanOptionalAction):
        return []
    return [name for name in action.option_strings if name.startswith("--no-")]


def _deprecation(action: argparse.Action) -> str | None:
    """Return what replaces a deprecated flag, in the few words that its action carries."""
    new_flag = getattr(action, "new_flag", None)
    if new_flag:
        return f"use {new_flag}"
    kind = type(action).__name__
    if kind in ("_IgnoredAdmissionControlAction", "_DeprecatedEnforceDisaggAction"):
        return "parsed and ignored"
    if kind != "DeprecatedAction":
        return None
    for cell in type(action).__call__.__closure__ or ():
        notice = getattr(cell.cell_contents, "__self__", None)
        if notice is not None and hasattr(notice, "replacement"):
            return f"until {notice.remove_in}; use {notice.replacement}"
    return "deprecated"
