"""Config files of engines: settings that a file beside the graph gives, as words.

vLLM and SGLang turn the entries of `--config FILE` into flags of their own parser and put them
before the words of the command line, which therefore win; so does SGLang with the section of
`--disagg-config FILE` that `--disagg-config-key` names. What is read so is given the place of the
word that names the file. A file that is not here, or that the engine would refuse, stays a word.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dynamo_conformance.engines import catalog
from dynamo_conformance.manifest.graph import Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynamo_conformance.engines.commandline import CommandLine
    from dynamo_conformance.engines.flag import Flag, Json

_FLAG = "--config"
_SECTIONED, _SECTION = "--disagg-config", "--disagg-config-key"
_FLAGS = {"dynamo.vllm": (_FLAG,), "dynamo.sglang": (_FLAG, _SECTIONED)}
_SUFFIXES = (".yaml", ".yml")


def with_config_file(command: CommandLine, files: Mapping[str, str], release: str) -> CommandLine:
    """Return the command line with the entries of its config file as words.

    Args:
        command: The command line.
        files: The texts of files that are known, by path.
        release: The release by whose flags the entries are read; one that has catalogs.
    """
    texts = command.texts
    used = [at for at, text in enumerate(texts) if text in _FLAGS.get(command.module, ())]
    if len(used) != 1 or used[0] + 1 >= len(texts):
        return command
    at, name = used[0], command.words[used[0] + 1]
    text = files.get(name.text) if name.text.endswith(_SUFFIXES) else None
    entries = load(text) if text is not None else None
    if entries is not None and texts[at] == _SECTIONED:
        entries = _section(entries, texts)
    words = (
        _words(catalog.load(command.module, release=release), entries)
        if entries is not None
        else None
    )
    if words is None:
        return command
    read = tuple(Word(word, name.mark, file=name.text) for word in words)
    return replace(command, words=read + command.words[:at] + command.words[at + 2 :])


def _section(entries: dict[str, Json], texts: list[str]) -> dict[str, Json] | None:
    """Return the part of a file that the command line names, as SGLang's worker takes it."""
    keys = [value for flag, value in pairwise(texts) if flag == _SECTION]
    section = entries.get(keys[0]) if len(keys) == 1 else None
    return section if isinstance(section, dict) else None


def load(text: str) -> dict[str, Json] | None:
    """Return the mapping that a YAML text holds; None when it holds none."""
    # Only here: most graphs have no such file.
    import yaml

    from dynamo_conformance.manifest.yaml import LimitError, load_plain

    try:
        data = load_plain(text)
        plain: Json = json.loads(json.dumps({} if data is None else data))
    except (LimitError, yaml.YAMLError, TypeError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None


def _words(known: catalog.Catalog, entries: dict[str, Json]) -> list[str] | None:
    """Return what the engine makes of the entries; None when that is not known."""
    words: list[str] = []
    for key, value in entries.items():
        flag = known.flag(f"--{key}")
        # Dynamo's own flags are read before the file is, so the engine refuses them there.
        if flag is None or flag.owner != "engine":
            return None
        made = list(_entry(known.module, flag, key, value))
        if not made and value is False and flag.default not in (None, False):
            return None
        words += made
    return words


def _entry(module: str, flag: Flag, key: str, value: Json) -> Iterator[str]:
    is_switch = flag.takes == "none"
    if isinstance(value, bool):
        if module == "dynamo.vllm" or is_switch:
            yield from (f"--{key}",) if value else ()
        else:
            yield from (f"--{key}", str(value).lower())
    elif isinstance(value, list):
        yield from (f"--{key}", *map(str, value)) if value else ()
    elif isinstance(value, dict):
        yield from (f"--{key}", json.dumps(value))
    else:
        yield from (f"--{key}", str(value))
