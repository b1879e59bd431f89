"""Words: what the target's release makes of a command line and its variables."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from dynamo_conformance.engines import release_names
from dynamo_conformance.engines.releases import Release, known, nearest, ways
from dynamo_conformance.manifest.node import Mapping, Scalar, walk
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.move import catalog_of, changed_in, said
from dynamo_conformance.upgrade.text_edits import Remove, Replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynamo_conformance.engines.arguments import Given
    from dynamo_conformance.engines.catalog import Catalog
    from dynamo_conformance.engines.fault import UsageFault
    from dynamo_conformance.engines.flag import Flag
    from dynamo_conformance.manifest.graph import EnvVar
    from dynamo_conformance.manifest.node import Mark
    from dynamo_conformance.upgrade.move import Move
    from dynamo_conformance.upgrade.text_edits import Edit

_DATA = Path(__file__).parent / "data" / "words.json"
_DYNAMO = "dynamo."
_PREFIX = ("DYN_", "DYNAMO_")
_IN_CONFIG = re.compile(r'"\w+" in --config')
_NO_OWN_FIX = "write the words that the new release has for it"


class _FlagData(TypedDict):
    flag: str
    write: list[str]


class _ValueData(TypedDict):
    flag: str
    value: str
    write: str


class _VariableData(TypedDict):
    variable: str
    write: str | None


class ConnectorData(TypedDict):
    """The KV connector's role that vLLM workers of a release are to say."""

    since: str
    prefill: str
    decode: str


class _DefaultData(TypedDict):
    module: str
    dest: str
    what: str
    needs: NotRequired[str]
    needs_value: NotRequired[str]


class _SameData(TypedDict):
    module: NotRequired[str]
    dest: str
    why: str


class _UnitData(TypedDict):
    module: str
    flag: str
    since: str
    what: str


class WordsData(TypedDict):
    """What to write in the place of words that are gone."""

    flags: list[_FlagData]
    values: list[_ValueData]
    variables: list[_VariableData]
    connectors: list[ConnectorData]
    defaults: list[_DefaultData]
    same: list[_SameData]
    units: list[_UnitData]


@cache
def data() -> WordsData:
    """Return the successors of words, and the defaults whose change matters."""
    read: WordsData = json.loads(_DATA.read_text(encoding="utf-8"))
    return read


def changes(move: Move) -> Iterator[Change]:
    """Yield what the new release makes otherwise of the words and variables of a component."""
    if move.module.startswith(_DYNAMO):
        yield from _module(move)
    if move.new_catalog is not None:
        yield from _faults(move, move.new_catalog)
        yield from _renamed(move, move.new_catalog)
        yield from _defaults(move, move.new_catalog)
        yield from _units(move)
    yield from _variables(move)


def _module(move: Move) -> Iterator[Change]:
    """Yield the module that the new release no longer starts."""
    module, command = move.module, move.command
    if command is None or module in move.new_ways.modules or module == move.new_ways.planner_module:
        return

    def starts(release: Release) -> bool:
        return module in ways(release).modules or module == ways(release).planner_module

    if not any(starts(release) for release in known()):
        return
    new = _successor(module, move)
    fix = f"start {new}" if new else "take the component out, or start what does its work now"
    edits: tuple[Edit, ...] = ()
    if new and not move.texts:
        edits = (Replace(command.at.mark, module, new),)
    yield Change(
        area=Area.COMMAND,
        kind=Kind.BREAKS,
        mark=move.at,
        what=f"{move.name} starts {module}, which is gone",
        since=said(changed_in(starts, move.new)),
        fix=fix if not move.texts else f"{fix}{_planner_config(move, new)}",
        edits=edits,
    )


def _planner_config(move: Move, new: str | None) -> str:
    """Return the config that the planner of later releases takes in the place of flags."""
    known_flags = catalog_of(new, move.new) if new is not None else None
    given = move.old_arguments
    if known_flags is None or given is None:
        return ", with its own flags"
    config: dict[str, object] = {}
    for use in given.given:
        removed = known_flags.removed.get(use.flag.names[0])
        instead = removed.instead or "" if removed is not None else ""
        if _IN_CONFIG.fullmatch(instead):
            config[instead.split('"')[1]] = _typed(use.value)
    return f" --config '{json.dumps(config)}'" if config else ", with its own flags"


def _typed(value: object) -> object:
    try:
        return json.loads(str(value))
    except ValueError:
        return value


def _successor(module: str, move: Move) -> str | None:
    if any(module == ways(release).planner_module for release in known()):
        return move.new_ways.planner_module
    outer = module.rpartition(".")[0]
    return outer if outer in move.new_ways.modules else None


def _faults(move: Move, flags: Catalog) -> Iterator[Change]:
    """Yield each word that ends the module at start, and that an older release took."""
    command = move.command
    roles = {flag for release in known() for flag in _role_flags(release, move.module)}
    new_roles = move.new_ways.roles.get(move.module)
    refused = new_roles.refused if new_roles is not None else {}
    for fault in flags.faults(move.texts, lenient=True):
        if command is None or not command.is_certain(fault.index):
            continue
        name = move.texts[fault.index].partition("=")[0] if fault.index < len(move.texts) else ""
        if name in roles or (fault.removed is not None and fault.removed.parses):
            continue  # upgrade/release_ways.py knows what they mean.
        if move.texts[fault.index : fault.index + 1] and _value(move, fault.index) in refused:
            continue
        since = changed_in(partial(_takes, move=move, fault=fault), move.new)
        if since is None and (fault.removed is None or fault.removed.gone_by is None):
            continue  # No release took it; that is for the linter to say.
        yield _fault(move, fault, name, since)


def _role_flags(release: Release, module: str) -> tuple[str, ...]:
    roles = ways(release).roles.get(module)
    return tuple(roles.flags) if roles is not None else ()


def _takes(release: Release, *, move: Move, fault: UsageFault) -> bool:
    known_flags = catalog_of(move.module, release)
    if known_flags is None:
        return False
    faults = known_flags.faults(move.texts, lenient=True)
    return all(other.index != fault.index for other in faults)


def _fault(move: Move, fault: UsageFault, name: str, since: Release | None) -> Change:
    edits = _written(move, fault, name)
    gone_by = fault.removed.gone_by if fault.removed is not None else None
    what = f"{move.name}: {fault.message}"
    fix = fault.removed.advice.partition(", ")[2] if fault.removed is not None else ""
    if not fix and fault.flag is not None and fault.flag.choices:
        fix = f"write one of {', '.join(map(str, fault.flag.choices))}"
    for row in data()["values"]:
        if fault.flag is None or row["flag"] not in fault.flag.names:
            continue
        if _value(move, fault.index) == row["value"]:
            joined = f"{row['flag']}={row['write']}" if name == row["flag"] else row["write"]
            edits = move.rewrite(fault.index, 1, [joined])
            fix = f"write {row['write']}"
    return Change(
        area=Area.COMMAND,
        kind=Kind.BREAKS,
        mark=_mark(move, fault.index),
        what=what,
        since=said(since) if since is not None else f"Dynamo {gone_by}",
        fix=fix or _NO_OWN_FIX,
        edits=edits,
    )


def _value(move: Move, index: int) -> str:
    """Return the value that a word is, or has behind its flag."""
    word = move.texts[index] if index < len(move.texts) else ""
    return word.partition("=")[2] if word.startswith("--") else word


def _mark(move: Move, index: int) -> Mark:
    assert move.command is not None  # noqa: S101 - there are no words without a command
    words = move.command.words
    return words[index].mark if index < len(words) else move.at


def _written(move: Move, fault: UsageFault, name: str) -> tuple[Edit, ...]:
    """Return the edits for a flag whose successor, or that there is none, is known."""
    row = next((row for row in data()["flags"] if row["flag"] == name), None)
    use = _use(move, name)
    if row is None or use is None:
        return ()
    word = move.texts[fault.index]
    count = 1 if "=" in word else 1 + len(use.values)
    write = list(row["write"])
    if not write:
        return move.rewrite(fault.index, count, ())
    if "=" in word:
        return move.rewrite(fault.index, 1, [f"{write[0]}={word.partition('=')[2]}", *write[1:]])
    return move.rewrite(fault.index, 1, write)


def _use(move: Move, name: str) -> Given | None:
    """Return the use of a flag as the newest release that has it reads it."""
    for release in reversed(known()):
        flags = catalog_of(move.module, release)
        if flags is not None and flags.flag(name) is not None:
            given = flags.parse_leniently(move.texts).given
            return next((use for use in given if name in use.flag.names), None)
    return None


def _renamed(move: Move, flags: Catalog) -> Iterator[Change]:
    """Yield each flag that still works, and is on its way out."""
    roles = _role_flags(nearest(move.new), move.module)
    for use in flags.parse_leniently(move.texts).given:
        if use.flag.deprecated is None or use.spelling in roles:
            continue
        yield Change(
            area=Area.COMMAND,
            kind=Kind.WORTH,
            mark=_mark(move, use.index),
            what=f"{move.name}: {use.spelling} is deprecated",
            since=said(_deprecated_in(move, use.spelling)),
            fix=use.flag.deprecated,
        )


def _deprecated_in(move: Move, spelling: str) -> Release | None:
    def was_fine(release: Release) -> bool:
        flags = catalog_of(move.module, release)
        flag = flags.flag(spelling) if flags is not None else None
        return flag is not None and flag.deprecated is None

    return changed_in(was_fine, move.new)


def _defaults(move: Move, flags: Catalog) -> Iterator[Change]:
    """Yield each default that is another now, and that this component lives by."""
    old, given = move.old_catalog, move.old_arguments
    if old is None or given is None or move.command is None or given.open:
        return
    for row in data()["defaults"]:
        dest = row["dest"]
        if row["module"] != move.module or dest not in old.settings or dest not in flags.settings:
            continue
        was, now = _default(old, dest), _default(flags, dest)
        if was == now or _is_given(move, old, dest) or not _is_needed(move, old, row):
            continue

        def holds(release: Release, dest: str = dest, was: object = was) -> bool:
            known_flags = catalog_of(move.module, release)
            return known_flags is not None and _default(known_flags, dest) == was

        name = flags.settings[dest][0].names[0]
        yield Change(
            area=Area.COMMAND,
            kind=Kind.MEANING,
            mark=move.at,
            what=f"{move.name}: the default of {name} goes from {_shown(was)} to {_shown(now)}: "
            f"{row['what']}",
            since=said(changed_in(holds, move.new)),
            fix=f"add {name} to keep what you have, if you need it",
        )


def _units(move: Move) -> Iterator[Change]:
    """Yield each value whose unit is another now."""
    for row in data()["units"]:
        since = Release.parse(row["since"])
        index = move.index_of(row["flag"])
        passed = since is not None and move.old < since <= move.new
        if row["module"] == move.module and index is not None and passed:
            yield Change(
                area=Area.COMMAND,
                kind=Kind.BREAKS,
                mark=_mark(move, index),
                what=f"{move.name}: {row['flag']} {row['what']}",
                since=said(since),
                fix="write the number in the new unit",
            )


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)


def _default(flags: Catalog, dest: str) -> object:
    return next((flag.default for flag in flags.settings.get(dest, ())), None)


def _is_given(move: Move, flags: Catalog, dest: str) -> bool:
    given = move.old_arguments
    names: tuple[Flag, ...] = flags.settings.get(dest, ())
    variables = {name for flag in names for name in (flag.env, *flag.older_env)}
    return (given is not None and given.explicit(dest)) or not variables.isdisjoint(move.env)


def _is_needed(move: Move, flags: Catalog, row: _DefaultData) -> bool:
    """Whether the component has what makes the default matter."""
    needs, given = row.get("needs"), move.old_arguments
    if needs is None or given is None:
        return True
    value = str(given.get(needs)) if given.known(needs) else ""
    wanted = row.get("needs_value")
    return value == wanted if wanted is not None else _is_given(move, flags, needs)


def _variables(move: Move) -> Iterator[Change]:
    """Yield each variable that an older release read, and the new one does not."""
    if not move.module.startswith(_DYNAMO):
        return
    new = release_names_of(move.new)
    rows = {row["variable"]: row["write"] for row in data()["variables"]}
    for name, variable in move.env.items():
        if not name.startswith(_PREFIX) or new is None:
            continue
        is_gone = name in rows and not _is_read(move.new, name)
        if not is_gone and (new.reads(name) or not any(_is_read(each, name) for each in known())):
            continue
        write = rows.get(name)
        yield Change(
            area=Area.COMMAND,
            kind=Kind.MEANING if write else Kind.WORTH,
            mark=variable.mark,
            what=f"{move.name}: {name} is no longer read",
            since=said(changed_in(partial(_is_read, name=name), move.new)),
            fix=f"write {write}" if write else "take it out",
            edits=_variable_edits(move, variable, write, is_known=name in rows),
        )


def _is_read(release: Release, name: str) -> bool:
    names = release_names_of(release)
    return names is not None and name in names.variables


def release_names_of(release: Release) -> release_names.ReleaseNames | None:
    """Return the vocabulary of a release, or None when it is not known."""
    try:
        return release_names.load(release=str(nearest(release)))
    except FileNotFoundError:
        return None


def _variable_edits(
    move: Move, variable: EnvVar, write: str | None, *, is_known: bool
) -> tuple[Edit, ...]:
    document = move.graph.document
    if document is None or not is_known or (write is not None and write in move.env):
        return ()
    for _path, node in walk(document.root):
        if isinstance(node, Mapping) and node.mark == variable.mark and "name" in node:
            if write is None:
                return (Remove(node.mark),)
            name = node.get("name")
            assert isinstance(name, Scalar)  # noqa: S101 - it has been read as one
            return (Replace(name.mark, variable.name, write),)
    return ()
