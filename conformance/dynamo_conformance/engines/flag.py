"""Flags: what one option of a Dynamo module is called and what it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None
Takes = Literal["none", "one", "optional", "many", "at-least-one"]


class FlagData(TypedDict):
    """A flag as a catalog file holds it; keys that say nothing are left out."""

    names: list[str]
    dest: str
    owner: str
    stage: int
    takes: Takes
    default: Json
    type: NotRequired[str]
    nullable: NotRequired[bool]
    refusal: NotRequired[str]
    const: NotRequired[str | bool]
    choices: NotRequired[list[str | int | float | None]]
    negatives: NotRequired[list[str]]
    env: NotRequired[str]
    older_env: NotRequired[list[str]]
    deprecated: NotRequired[str]
    repeatable: NotRequired[bool]
    required: NotRequired[bool]
    exits: NotRequired[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One option.

    Attributes:
        names: All its spellings, negatives such as `--no-x` included.
        dest: The name of the setting; several flags may share one.
        owner: Whose it is: `dynamo`, `router` or `engine`.
        stage: Which of the module's parsers reads it, counted from 0.
        takes: How many words it eats: `none`, `one`, `optional` (at most one), `many` (any
            number) or `at-least-one`.
        type: What a word must be; one of `values.TYPES`.
        nullable: Whether the empty word and `None` stand for no value.
        refusal: How the parser words a bad value, with `{value}` or `{value!r}` in it.
        const: The value when it is given without a word.
        default: The value when nothing gives one, as JSON.
        choices: The values allowed, or None for all.
        negatives: The spellings that mean False.
        env: The environment variable that supplies the default, or None.
        older_env: Earlier names of that variable, which still work.
        deprecated: Until when it works and what replaces it, or None.
        repeatable: Whether each use adds a value, instead of replacing the one before.
        required: Whether the module refuses to start without it.
        exits: Whether the module ends after it, as after `--help`.
    """

    names: tuple[str, ...]
    dest: str
    owner: str
    stage: int
    takes: Takes
    default: Json
    type: str = "str"
    nullable: bool = False
    refusal: str | None = None
    const: str | bool = True
    choices: tuple[str | int | float | None, ...] | None = None
    negatives: tuple[str, ...] = ()
    env: str | None = None
    older_env: tuple[str, ...] = ()
    deprecated: str | None = None
    repeatable: bool = False
    required: bool = False
    exits: bool = False

    @property
    def label(self) -> str:
        """All spellings, as a parser names the flag in its errors."""
        return "/".join(self.names)

    @classmethod
    def from_data(cls, data: FlagData) -> Flag:
        """Return the flag that a catalog file describes."""
        choices = data.get("choices")
        return cls(
            names=tuple(data["names"]),
            dest=data["dest"],
            owner=data["owner"],
            stage=data["stage"],
            takes=data["takes"],
            default=data["default"],
            type=data.get("type", "str"),
            nullable=data.get("nullable", False),
            refusal=data.get("refusal"),
            const=data.get("const", True),
            choices=None if choices is None else tuple(choices),
            negatives=tuple(data.get("negatives", ())),
            env=data.get("env"),
            older_env=tuple(data.get("older_env", ())),
            deprecated=data.get("deprecated"),
            repeatable=data.get("repeatable", False),
            required=data.get("required", False),
            exits=data.get("exits", False),
        )


def parse_json(text: str) -> Json:
    """Return the value that `text` is.

    Raises:
        ValueError: It is no JSON, or nests deeper than anybody reads.
    """
    try:
        parsed: Json = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep to be read") from error
    return parsed
