"""Ways: what a release does otherwise where a manifest says nothing, or says it in old words."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from dynamo_conformance.engines.commandline import FRONTEND_MODULE
from dynamo_conformance.engines.releases import Release, known, ways
from dynamo_conformance.upgrade.change import Area, Change, Kind
from dynamo_conformance.upgrade.move import changed_in, said
from dynamo_conformance.upgrade.text_edits import Remove, Replace
from dynamo_conformance.upgrade.words import data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynamo_conformance.engines.releases import RoleWays, Ways
    from dynamo_conformance.upgrade.move import Move
    from dynamo_conformance.upgrade.text_edits import Edit

VLLM = "dynamo.vllm"
TRANSFER = "--kv-transfer-config"
_CONNECTOR = "--connector"
_NO_CONNECTOR = ("none", "null")
_NIXL = "nixl"
_BOTH = "kv_both"
EVENTS = "--kv-events-config"
_EVENTS_PORT = "DYN_VLLM_KV_EVENT_PORT"
_DEFAULT_PORT = "20080"
_NO_PREFIX_CACHE = ("--no-enable-prefix-caching", "--no-prefix-caching")
_SPLIT = ("prefill", "decode")


def changes(moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield what the new release does otherwise with the components of one graph."""
    for move in moves:
        yield from _role(move, moves)
        yield from _connector(move, moves)
        yield from _events(move, moves)
    yield from _planes(moves)


def _roles(ways_of: Ways, move: Move) -> RoleWays | None:
    return ways_of.roles.get(move.module)


def _flag_roles(move: Move) -> dict[str, str]:
    """Return the flags without a value that gave a role in any release."""
    return {
        flag: role
        for release in known()
        for flag, role in (
            ways(release).roles[move.module].flags if move.module in ways(release).roles else {}
        ).items()
    }


def _word_for(roles: RoleWays, role: str) -> str | None:
    words = [word for word, meant in roles.words.items() if meant == role]
    return role if role in words else next(iter(words), None)


def role_of(move: Move) -> str | None:
    """Return the role that the words of a component gave it where it comes from."""
    old = _roles(move.old_ways, move)
    if old is None:
        return None
    new = _roles(move.new_ways, move)
    flags = _flag_roles(move)
    for text in move.texts:
        if text in flags:
            return flags[text]
    for each in (old, new):
        word = move.value(each.mode) if each is not None and each.mode is not None else None
        if each is not None and word is not None:
            return each.words.get(word) or each.refused.get(word)
    return old.default


def _decodes(move: Move, moves: Iterable[Move]) -> bool:
    """Whether a component that says no role is the decode half of its graph."""
    if role_of(move) != "agg" or move.component.type == "prefill":
        return False
    return any(other.module == move.module and role_of(other) == "prefill" for other in moves)


def _role(move: Move, moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield a role that the new release takes in other words."""
    old, new = _roles(move.old_ways, move), _roles(move.new_ways, move)
    if old is None or new is None or new.mode is None or move.command is None:
        return
    for index, text in enumerate(move.texts):
        role = _flag_roles(move).get(text)
        if role is not None and (text not in new.flags or new.deprecated):
            yield _role_flag(move, index, new, [new.mode, _word_for(new, role) or role])
    word = move.value(new.mode)
    if word is not None and word in new.refused:
        yield _refused_role(move, new.mode, word, _word_for(new, new.refused[word]) or word)
    unsaid = old.decode_unsaid and not new.decode_unsaid
    if unsaid and word is None and _decodes(move, moves):
        yield Change(
            area=Area.WAYS,
            kind=Kind.BREAKS,
            mark=move.at,
            what=f"{move.name} decodes for a prefill worker without saying so, and would serve "
            "whole requests by itself",
            since=said(changed_in(partial(_is_unsaid, move=move), move.new)),
            fix=f"add {new.mode} decode",
            edits=move.append([new.mode, "decode"]),
        )


def _role_flag(move: Move, index: int, new: RoleWays, write: list[str]) -> Change:
    assert move.command is not None  # noqa: S101 - there are no words without a command
    text = move.texts[index]
    is_gone = text not in new.flags
    return Change(
        area=Area.WAYS,
        kind=Kind.BREAKS if is_gone else Kind.WORTH,
        mark=move.command.words[index].mark,
        what=f"{move.name}: {text} is {'gone' if is_gone else 'deprecated'}",
        since=said(changed_in(partial(_has_flag, move=move, flag=text), move.new)),
        fix=f"write {' '.join(write)}",
        edits=move.rewrite(index, 1, write),
    )


def _refused_role(move: Move, mode: str, word: str, meant: str) -> Change:
    assert move.command is not None  # noqa: S101 - there are no words without a command
    at = move.index_of(mode) or 0
    is_joined = "=" in move.texts[at]
    value = at if is_joined else at + 1
    return Change(
        area=Area.WAYS,
        kind=Kind.BREAKS,
        mark=move.command.words[value].mark,
        what=f"{move.name}: {mode} {word} is refused",
        since=said(changed_in(partial(_has_word, move=move, word=word), move.new)),
        fix=f"write {mode} {meant}",
        edits=move.rewrite(value, 1, [f"{mode}={meant}" if is_joined else meant]),
    )


def _has_flag(release: Release, *, move: Move, flag: str) -> bool:
    roles = ways(release).roles.get(move.module)
    return (
        roles is not None
        and flag in roles.flags
        and not (roles.deprecated and flag in move.new_ways.roles[move.module].flags)
    )


def _has_word(release: Release, *, move: Move, word: str) -> bool:
    roles = ways(release).roles.get(move.module)
    return roles is not None and word in roles.words


def _is_unsaid(release: Release, *, move: Move) -> bool:
    roles = ways(release).roles.get(move.module)
    return roles is not None and roles.decode_unsaid


def transfer_config(role: str, release: Release) -> str:
    """Return the JSON of `--kv-transfer-config` with NIXL for a worker of a role."""
    kv_role = _BOTH
    for row in data()["connectors"]:
        since = Release.parse(row["since"])
        if since is not None and since <= release and role in _SPLIT:
            kv_role = row["prefill"] if role == "prefill" else row["decode"]
    return json.dumps({"kv_connector": "NixlConnector", "kv_role": kv_role}, separators=(",", ":"))


def _connector(move: Move, moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield a vLLM worker whose KV connector came from a default, or from a flag that is gone."""
    if move.module != VLLM or move.command is None:
        return
    role = "decode" if _decodes(move, moves) else role_of(move)
    config = transfer_config(role or "", move.new)
    said_flag = move.value(_CONNECTOR, "DYN_CONNECTOR")
    refused = changed_in(lambda each: ways(each).connector_flag != "refused", move.new)
    if said_flag is not None and move.new_ways.connector_flag == "refused":
        yield _refused_connector(move, said_flag, config, refused)
        return
    yield from _old_kv_role(move, role, config)
    lost = move.old_ways.kv_connector == _NIXL and move.new_ways.kv_connector is None
    if not lost or role not in _SPLIT or move.value(TRANSFER) is not None:
        return
    ends = role == "prefill" and move.new_ways.prefill_needs_kv_transfer
    effect = "ends at start" if ends else "computes every prompt again"
    yield Change(
        area=Area.WAYS,
        kind=Kind.BREAKS if ends else Kind.MEANING,
        mark=move.at,
        what=f"{move.name} has no KV connector by default any more: a {role} worker without one "
        f"{effect}",
        since=said(changed_in(lambda each: ways(each).kv_connector is not None, move.new)),
        fix=f"add {TRANSFER} '{config}'",
        edits=move.append([TRANSFER, config]),
    )


def _old_kv_role(move: Move, role: str | None, wanted: str) -> Iterator[Change]:
    """Yield a config that has the role of releases before in it."""
    given = move.value(TRANSFER)
    new = json.loads(wanted)["kv_role"]
    if given is None or role not in _SPLIT or new == _BOTH or given.count(_BOTH) != 1:
        return
    if "NixlConnector" not in given:
        return
    index = (move.index_of(TRANSFER) or 0) + ("=" not in move.texts[move.index_of(TRANSFER) or 0])
    mark = move.command.words[index].mark if move.command is not None else move.at
    yield Change(
        area=Area.WAYS,
        kind=Kind.WORTH,
        mark=mark,
        what=f"{move.name}: the kv_role {_BOTH} is deprecated for a {role} worker",
        since=said(_kv_role_since(role, move.new)),
        fix=f"write {new}",
        edits=(Replace(mark, _BOTH, new),),
    )


def _kv_role_since(role: str, new: Release) -> Release | None:
    rows = [(Release.parse(row["since"]), row) for row in data()["connectors"]]
    fitting = [
        since
        for since, row in rows
        if since is not None
        and since <= new
        and (row["prefill"] if role == "prefill" else row["decode"]) != _BOTH
    ]
    return min(fitting, default=None)


def _refused_connector(move: Move, name: str, config: str, since: Release | None) -> Change:
    index = move.index_of(_CONNECTOR)
    edits: tuple[Edit, ...] = ()
    fix = f"write {TRANSFER} with a connector of vLLM"
    has_config = move.value(TRANSFER) is not None
    if index is not None and "=" not in move.texts[index]:
        is_last = index + 2 >= len(move.texts) or move.texts[index + 2].startswith("-")
        if is_last and (name in _NO_CONNECTOR or has_config):
            fix, edits = "take it out", move.rewrite(index, 2, ())
        elif is_last and name == _NIXL:
            fix = f"write {TRANSFER} '{config}'"
            edits = move.rewrite(index, 2, [TRANSFER, config])
    variable = move.env.get("DYN_CONNECTOR")
    mark = variable.mark if index is None and variable is not None else move.mark(_CONNECTOR)
    if index is None and name in _NO_CONNECTOR and variable is not None:
        fix, edits = "take it out", (Remove(variable.mark),)
    word = _CONNECTOR if index is not None else "DYN_CONNECTOR"
    return Change(
        area=Area.WAYS,
        kind=Kind.BREAKS,
        mark=mark,
        what=f"{move.name}: {word} {name} ends the worker at start",
        since=said(since),
        fix=fix,
        edits=edits,
    )


def events_config(move: Move) -> str:
    """Return the JSON of `--kv-events-config`, on the port that the worker was given before."""
    given = move.env.get(_EVENTS_PORT)
    port = given.value if given is not None and (given.value or "").isdecimal() else _DEFAULT_PORT
    config = {
        "publisher": "zmq",
        "topic": "kv-events",
        "endpoint": f"tcp://*:{port}",
        "enable_kv_cache_events": True,
    }
    return json.dumps(config, separators=(",", ":"))


def _routes_by_kv(moves: Iterable[Move]) -> bool:
    return any(
        move.module == FRONTEND_MODULE and move.value("--router-mode", "DYN_ROUTER_MODE") == "kv"
        for move in moves
    )


def _events(move: Move, moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield a worker that said to a KV router what it caches, and is silent now."""
    was = move.old_ways.kv_events.get(move.module, False)
    now = move.new_ways.kv_events.get(move.module, False)
    if move.command is None or not was or now or not _routes_by_kv(moves):
        return
    flag = move.new_ways.kv_events_flags.get(move.module, EVENTS)
    is_silent = move.value(flag) is not None or any(text in _NO_PREFIX_CACHE for text in move.texts)
    decodes = role_of(move) == "decode" or _decodes(move, moves)
    if is_silent or (decodes and not move.old_ways.decode_publishes):
        return
    config = events_config(move)
    yield Change(
        area=Area.WAYS,
        kind=Kind.MEANING,
        mark=move.at,
        what=f"{move.name} no longer publishes KV events by itself, and the frontend routes by "
        "them",
        since=said(changed_in(lambda each: ways(each).kv_events.get(move.module, False), move.new)),
        fix=f"add {flag} '{config}'",
        edits=move.append([flag, config]) if flag == EVENTS else (),
    )


def _planes(moves: tuple[Move, ...]) -> Iterator[Change]:
    """Yield what carries requests and events by default now, once for the graph."""
    running = [move for move in moves if move.module.startswith("dynamo.") and move.command]
    if not running:
        return
    first = running[0]
    old, new = first.old_ways, first.new_ways
    requests = [move for move in running if not _says(move, "request_plane")]
    if requests and old.request_plane.default == "nats" and new.request_plane.default == "tcp":
        yield Change(
            area=Area.WAYS,
            kind=Kind.MEANING,
            mark=first.at,
            what="requests go from pod to pod by TCP, and no longer through NATS",
            since=said(
                changed_in(lambda each: ways(each).request_plane.default != "tcp", first.new)
            ),
            fix="let network policies allow that between the pods of the graph",
        )
    events = [move for move in running if not _says(move, "event_plane")]
    is_other = old.event_plane.default == "nats" and new.event_plane.default is None
    if events and is_other and _routes_by_kv(moves):
        yield Change(
            area=Area.WAYS,
            kind=Kind.MEANING,
            mark=first.at,
            what="KV events go through NATS only where the operator gives NATS_SERVER, else from "
            "pod to pod by ZMQ",
            since=said(
                changed_in(lambda each: ways(each).event_plane.default == "nats", first.new)
            ),
            fix="let network policies allow that, or keep NATS and set DYN_EVENT_PLANE=nats "
            "everywhere",
        )


def _says(move: Move, plane: str) -> bool:
    backend = move.new_ways.request_plane if plane == "request_plane" else move.new_ways.event_plane
    return move.value(backend.flag or "", backend.variable) is not None
