"""Settings: `[tool.dynamo-lint]` of the nearest pyproject.toml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from glob import escape
from typing import TYPE_CHECKING

from dynamo_conformance.api.cluster_parts import Cluster, Feature
from dynamo_conformance.api.operator_releases import OPERATORS, find, minors
from dynamo_conformance.engines import releases
from dynamo_conformance.engines.flag import parse_json
from dynamo_conformance.engines.releases import Release
from dynamo_conformance.lint.options import LintOptions, SettingsError, SettingsSuppression, names
from dynamo_conformance.lint.rule import all_ids
from dynamo_conformance.manifest.document import MAX_BYTES
from dynamo_conformance.manifest.files import read_file
from dynamo_conformance.manifest.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dynamo_conformance.engines.flag import Json
    from dynamo_conformance.engines.memory import Model

FILE = "pyproject.toml"
TABLE = "dynamo-lint"
NONE = "none"
_WORDS = ("only", "skip", "exclude", "release", "operator", "cluster-has", "suppressions", "models")


@dataclass(frozen=True, slots=True)
class LintSettings:
    """What the settings say.

    Attributes:
        options: How to lint.
        exclude: Patterns of files below folders to leave out.
    """

    options: LintOptions
    exclude: tuple[str, ...] = ()


def find_settings(start: Path) -> LintSettings:
    """Return the settings of the nearest pyproject.toml that has any, from `start` upwards.

    Raises:
        SettingsError: They cannot be used.
    """
    for folder in (start, *start.parents):
        path = folder / FILE
        if path.is_file() and (table := _table(path)) is not None:
            return _read(table, path)
    return LintSettings(LintOptions())


def cluster_of(words: Iterable[str]) -> Cluster:
    """Return the cluster that has what `words` say; `none` says nothing.

    Raises:
        SettingsError: A word is no feature.
    """
    chosen = {word.strip() for word in words}
    given = chosen - {NONE}
    known = [str(feature) for feature in Feature]
    if "" in chosen or (given and NONE in chosen):
        raise SettingsError(f"cluster-has: write {NONE}, or some of {','.join(known)}")
    for word in sorted(given):
        if word not in known:
            hint = did_you_mean(word, known) or f"; write {NONE}, or some of {','.join(known)}"
            raise SettingsError(f'cluster-has: unknown "{word}"{hint}')
    return Cluster(
        lws=Feature.LWS in given,
        grove=Feature.GROVE in given,
        inference_extension=Feature.INFERENCE_EXTENSION in given,
        nats=Feature.NATS in given,
        etcd=Feature.ETCD in given,
    )


def known_rules(words: Iterable[str]) -> tuple[str, ...]:
    """Return rule ids, or their first words, that were given as they are known.

    Raises:
        SettingsError: A word names no rule.
    """
    ids = all_ids()
    rules = tuple(word.strip() for text in words for word in text.split(",") if word.strip())
    for word in rules:
        if not any(names(word, rule) for rule in ids):
            hint = did_you_mean(word, ids) or "; `dynamo lint --list-rules` names them"
            raise SettingsError(f'no rule is called "{word}"{hint}')
    return rules


def _table(path: Path) -> object:
    """Return what the file has under the name of the table, or None."""
    data = read_file(path, most=MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise SettingsError(f"{path}: larger than {MAX_BYTES // 2**20} MiB")
    if TABLE.encode() not in data:
        return None
    import tomllib

    try:
        tool = tomllib.loads(data.decode("utf-8")).get("tool")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: nested too deep") from error
    return tool.get(TABLE) if isinstance(tool, dict) else None


def _read(table: object, path: Path) -> LintSettings:
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [tool.{TABLE}]: must be a table")
    for word in table:
        if word not in _WORDS:
            hint = did_you_mean(word, _WORDS) or f"; there are {', '.join(_WORDS)}"
            raise SettingsError(f'{path}: [tool.{TABLE}]: unknown "{word}"{hint}')
    try:
        return _settings(table, folder=path.parent)
    except SettingsError as error:
        raise SettingsError(f"{path}: [tool.{TABLE}]: {error}") from error


def _settings(table: dict[str, object], *, folder: Path) -> LintSettings:
    only, skip = (known_rules(_texts(table, word)) for word in ("only", "skip"))
    options = LintOptions(only=only, skip=skip)
    if "release" in table:
        options = replace(options, release=known_release(_text(table, "release")))
    if "operator" in table:
        options = replace(options, operator=known_operator(_text(table, "operator")))
    if "cluster-has" in table:
        options = replace(options, cluster=cluster_of(_texts(table, "cluster-has")))
    if "suppressions" in table:
        options = replace(
            options, suppressions=_suppressions(table["suppressions"]), folder=str(folder)
        )
    if "models" in table:
        options = replace(options, models=tuple(_models(table["models"], folder)))
    # From a folder below, the same files have other names.
    exclude = _texts(table, "exclude")
    return LintSettings(
        options, (*exclude, *(f"{escape(str(folder))}/{pattern}" for pattern in exclude))
    )


def known_release(text: str) -> Release:
    """Return the release of Dynamo that `text` names, X.Y.Z or X.Y.

    Raises:
        SettingsError: It is none, or nothing is known of it.
    """
    release = Release.parse(text) or Release.parse(f"{text}.0")
    if release is None or not releases.is_known(release):
        known = ", ".join(map(str, releases.known()))
        raise SettingsError(f'release: nothing is known of "{text}"; known are {known}')
    return releases.nearest(release)


def known_operator(version: str) -> str:
    """Return the operator version that a version or a minor release stands for.

    Raises:
        SettingsError: Nothing is known of it.
    """
    known = find(version)
    if known is None:
        names = [operator.name for operator in minors()]
        hint = did_you_mean(version, OPERATORS) or f"; known are {', '.join(names)}"
        raise SettingsError(f'operator: nothing is known of "{version}"{hint}')
    return known.version


def _text(table: dict[str, object], word: str) -> str:
    value = table[word]
    if not isinstance(value, str):
        raise SettingsError(f"{word}: must be a word in quotes")
    return value


def _texts(table: dict[str, object], word: str) -> tuple[str, ...]:
    value = table.get(word, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{word}: must be a list of words")
    return tuple(value)


def _models(value: object, folder: Path) -> Iterator[tuple[str, Model]]:
    """Yield the model of each `config.json` that a table of names and files has."""
    # Only here: hardly any settings have models.
    from dynamo_conformance.engines.model_config import ModelConfigError, read_config

    if not isinstance(value, dict):
        raise SettingsError("models: must be a table of names and config.json files")
    for name in value:
        path = folder / _text(value, name)
        beside = path.with_name("hf_quant_config.json")
        try:
            yield name, read_config(_json(path), _json(beside) if beside.is_file() else None)
        except ModelConfigError as error:
            raise SettingsError(f"models: {path}: {error}") from error


def _json(path: Path) -> Json:
    data = read_file(path, most=MAX_BYTES)
    try:
        return parse_json(data.decode("utf-8"))
    except ValueError as error:
        raise SettingsError(f"models: {path} is no JSON") from error


def _suppressions(value: object) -> tuple[SettingsSuppression, ...]:
    if not isinstance(value, list):
        raise SettingsError("suppressions: must be a list of tables with rule, files and reason")
    suppressions = []
    for entry in value:
        if not isinstance(entry, dict) or set(entry) != {"rule", "files", "reason"}:
            raise SettingsError("suppressions: each needs rule, files and reason, and nothing else")
        rule, files, reason = (_text(entry, word) for word in ("rule", "files", "reason"))
        known_rules((rule,))
        suppression = SettingsSuppression(rule=rule, files=files, reason=reason)
        if not suppression.reason.strip():
            raise SettingsError(f'suppressions: the one of "{suppression.rule}" needs a reason')
        suppressions.append(suppression)
    return tuple(suppressions)
