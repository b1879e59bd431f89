"""Inputs: what manifests become in bad hands, each one told by a seed and a number."""

from __future__ import annotations

import random
import re
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import yaml

from dynamo_conformance.manifest.document import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str | int, Tree] | None"

ROOT = Path(__file__).parents[2]
FOLDERS = ("examples", "tests/data/observed", "tests/unit/lint/cases", "tests/unit/convert/cases")
LARGEST = 40_000
DEEPEST = 40
GRAPH = re.compile("^kind: DynamoGraphDeployment", re.MULTILINE)

HEADS: Final = tuple(
    f"apiVersion: nvidia.com/{version}\nkind: DynamoGraphDeployment\n"
    for version in ("v1beta1", "v1alpha1")
)
ODD_TEXTS: Final = (
    "", " ", "~", "null", "true", "no", "-1", "0", "017", "0o17", "0x1F", "0b1", "1_000", "1e3",
    "1e400", "-0.0", ".5", ".nan", "-.inf", "9" * 20, "9" * 400, "9" * 5000, "0x" + "f" * 5000,
    "1" * 400 + ".5", "2001-01-01", "12:30:45", "16Gi", "1e", "-5m", "1" * 30 + "Gi", "9E",
    "0.0000000001", "[]", "{}", "[[]]", "{a: [1, {b: ~}]}", "[1, two, 3.0, ~]", "*a", "&a x",
    "&a {b: *a}", "!!binary aGk=", "!!int x", "!x y", "!!set {a, b}", "<<", "? a", "- a", "|",
    ">-", '"', "'", '"\\ud800"', '"\\x00"', '"\\U0010ffff"', "%", "@", "`", "$(A)", "$A",
    "${A:-b}", "$$(A)", "{{ .Values.a }}", "é", "日本", "\u202eabc", "a\u0301", "🙂", "\u2028",
    "\x85", "\ufeff", "\t", "\x0b", "\x7f", "# comment", "a: b", "a #b", "x" * 3000, "a" * 64,
    "A_B", "/", "../..", "http://[::1", "http://a:99999", ":8000", "::", "main", "--", "-",
    "--model", "--=", "python3", "-m", "dynamo.vllm", "sh", "-c",
    "exec python3 -m dynamo.vllm --model 'a", "[" * 150, "[" * 3000 + "]" * 3000,
    "{a: " * 150 + "1" + "}" * 150,
)  # fmt: skip
ODD_VALUES: Final[tuple[Tree, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e300, -0.0, "", " ",
    "x", "0", "-1", "9" * 5000, "1e9", "16Gi", "-5m", "$(A)", "$A", "{{ x }}", "é🙂", "a\nb",
    "a\tb", "'", '"', "\\", "\x85\u2028", [], {}, [None], [[]], [{}], [1, "a", None], {"": ""},
    {"name": None}, {"a": {"b": {"c": []}}}, ["--", "-"], [{"name": "main"}],
    [{"name": "main"}, {"name": "main"}], {"x" * 300: 1}, {"é": [True]}, {"1": 2},
    ["sh", "-c", "exec 'x"], ["python3", "-m", "dynamo.vllm", "--model"],
    ["--data-parallel-size", "x"], ["--tensor-parallel-size=99999999999999999999"],
    ["--kv-transfer-config", "{"], "--model a --block-size -1",
)  # fmt: skip
KEYS: Final = (
    "", " ", "-", "?", "<<", "~", "on", "1", "é", "a b", "a: b", "name", "spec", "components",
    "services", "main", "podTemplate", "extraPodSpec", "mainContainer", "containers", "args",
    "command", "env", "envs", "resources", "limits", "gpu", "custom", "multinode", "nodeCount",
    "replicas", "type", "componentType", "kind", "apiVersion", "valueFrom", "items", "metadata",
    "annotations", "labels", "ports", "volumeMounts", "sharedMemory", "x" * 300,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A value, as what holds it and its key or index."""

    holder: list[Tree] | dict[str | int, Tree]
    key: str | int

    @property
    def value(self) -> Tree:
        if isinstance(self.holder, dict):
            return self.holder[self.key]
        return self.holder[int(self.key)]

    def put(self, value: Tree) -> None:
        if isinstance(self.holder, dict):
            self.holder[self.key] = value
        else:
            self.holder[int(self.key)] = value

    def remove(self) -> None:
        if isinstance(self.holder, dict):
            del self.holder[self.key]
        else:
            del self.holder[int(self.key)]


def manifests() -> tuple[str, ...]:
    """Return the documents of all manifests of this repository, in order."""
    found: dict[str, None] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            for source in sources(path.read_text(encoding="utf-8"), file=path.name):
                if GRAPH.search(source.text) and len(source.text) < LARGEST:
                    found[source.text.removeprefix("---").lstrip("\n")] = None
    return tuple(found)


class Inputs:
    """Inputs by number: the same seed and number make the same input."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._seeds = manifests()

    def input(self, number: int) -> bytes:
        """Return an input: mostly a manifest with a few changes, sometimes any bytes at all."""
        dice = random.Random(f"{self.seed} {number}")  # noqa: S311 - to be repeated, not secret
        if dice.random() < 0.04:
            return noise(dice)
        text = dice.choice(self._seeds)
        if dice.random() < 0.75:
            text = self._changed_tree(text, dice)
        if dice.random() < 0.4:
            for _ in range(dice.randint(1, 3)):
                text = dice.choice(TEXT_CHANGES)(text, dice)
        if dice.random() < 0.05:
            text = dice.choice(("", "---\n", "...\n", "--- ")).join(
                [text, dice.choice(self._seeds)]
            )
        data = text.encode("utf-8", "surrogatepass")
        return flipped(data, dice) if dice.random() < 0.05 else data

    def _changed_tree(self, text: str, dice: random.Random) -> str:
        try:
            tree = yaml.safe_load(text)
            other = yaml.safe_load(dice.choice(self._seeds))
        except (yaml.YAMLError, ValueError):
            return text
        if not isinstance(tree, dict) or not isinstance(other, dict):
            return text
        for _ in range(dice.randint(1, 4)):
            dice.choice(TREE_CHANGES)(tree, other, dice)
        is_flow = dice.choice((False, False, False, None, True))
        try:
            return yaml.safe_dump(
                tree, sort_keys=False, allow_unicode=True, default_flow_style=is_flow
            )
        except (RecursionError, ValueError):
            return text


def noise(dice: random.Random) -> bytes:
    """Return bytes without sense; some begin as a graph does, so that somebody looks at them."""
    head = dice.choice(("", *HEADS)).encode()
    alphabet = dice.choice(
        (bytes(range(256)), b" \n:-[]{}&*!|>'\"%@`#,?ab01", "é\u2028🙂\n: -".encode())
    )
    return head + bytes(dice.choices(alphabet, k=dice.choice((0, 1, 10, 100, 3000))))


def flipped(data: bytes, dice: random.Random) -> bytes:
    """Return `data` with a few other bytes."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 5) if changed else 0):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _lines_changed(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    match dice.randrange(5):
        case 0:
            lines[at], lines[other] = lines[other], lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            del lines[at]
        case 3:
            lines[at] = " " * dice.randint(0, 12) + lines[at].lstrip()
        case _:
            lines[at] = "\t" + lines[at]
    return "".join(lines)


def _value_changed(text: str, dice: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    ends = [(at, end) for at, line in enumerate(lines) if (end := _value_start(line)) >= 0]
    if ends:
        at, end = dice.choice(ends)
        lines[at] = f"{lines[at][:end]}{dice.choice(ODD_TEXTS)}\n"
    return "".join(lines)


def _value_start(line: str) -> int:
    """Return where the value begins in a line of one, or -1."""
    for mark in (": ", "- "):
        if (at := line.find(mark)) >= 0:
            return at + len(mark)
    return -1


def _inserted(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(ODD_TEXTS) + text[at:]


def _cut(text: str, dice: random.Random) -> str:
    start = dice.randrange(len(text) + 1)
    return text[:start] + text[start + dice.choice((1, 2, 30, 300, len(text))) :]


def _anchored(text: str, dice: random.Random) -> str:
    """Return `text` with an anchor at one value and aliases of it in place of others."""
    lines = text.splitlines(keepends=True)
    ends = [(at, end) for at, line in enumerate(lines) if (end := _value_start(line)) >= 0]
    for place, (at, end) in enumerate(dice.sample(ends, k=min(len(ends), 3))):
        rest = lines[at][end:] if place == 0 else "\n"
        lines[at] = f"{lines[at][:end]}{'&' if place == 0 else '*'}z {rest}"
    return "".join(lines)


def _suppressed(text: str, dice: random.Random) -> str:
    rule = dice.choice(
        ("api-schema", "api", "x", "port-collision, engine-flag", "", "suppression-unused")
    )
    reason = dice.choice(("", " because", " because of it", " because é"))
    lines = text.splitlines()
    at = dice.randrange(len(lines) + 1)
    return "\n".join([*lines[:at], f"# dynamo-lint: allow {rule}{reason}", *lines[at:]]) + "\n"


def _other_breaks(text: str, dice: random.Random) -> str:
    return dice.choice(("", "\ufeff")) + text.replace(
        "\n", dice.choice(("\r\n", "\r", "\x85", "\n\n"))
    )


def _other_version(text: str, dice: random.Random) -> str:
    words = ("v1alpha1", "v1beta1")
    return text.replace(dice.choice(words), dice.choice((*words, "v1", "v9", "")))


TEXT_CHANGES: Final[tuple[Callable[[str, random.Random], str], ...]] = (
    _lines_changed,
    _lines_changed,
    _value_changed,
    _value_changed,
    _inserted,
    _cut,
    _anchored,
    _suppressed,
    _other_breaks,
    _other_version,
)


def _places(tree: Tree, depth: int = 0) -> Iterator[Place]:
    """Yield every value below `tree`, as what holds it and its key or index."""
    if depth > DEEPEST or not isinstance(tree, dict | list):
        return
    children = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree))
    for key, value in children:
        yield Place(tree, key)
        yield from _places(value, depth + 1)


def _place(tree: Tree, dice: random.Random) -> Place | None:
    found = list(islice(_places(tree), 3000))
    return dice.choice(found) if found else None


def _replace(tree: Tree, _other: Tree, dice: random.Random) -> None:
    if place := _place(tree, dice):
        place.put(deepcopy(dice.choice(ODD_VALUES)))


def _rename(tree: Tree, _other: Tree, dice: random.Random) -> None:
    place = _place(tree, dice)
    if place is None or not isinstance(place.holder, dict):
        return
    old = str(place.key)
    at = dice.randrange(len(old) + 1)
    new = dice.choice((dice.choice(KEYS), old[:at] + old[at + 1 :], old.swapcase(), f"{old}s", 7))
    place.holder[new] = place.holder.pop(place.key)


def _remove(tree: Tree, _other: Tree, dice: random.Random) -> None:
    if place := _place(tree, dice):
        place.remove()


def _add(tree: Tree, _other: Tree, dice: random.Random) -> None:
    place = _place(tree, dice)
    if place is None:
        return
    if isinstance(place.holder, list):
        place.holder.append(deepcopy(dice.choice((place.value, *ODD_VALUES))))
    else:
        place.holder[dice.choice(KEYS)] = deepcopy(dice.choice(ODD_VALUES))


def _move(tree: Tree, other: Tree, dice: random.Random) -> None:
    """Put a value of this or another manifest where it does not belong."""
    source, target = _place(dice.choice((tree, other)), dice), _place(tree, dice)
    if source is not None and target is not None:
        target.put(deepcopy(source.value))


def _share(tree: Tree, _other: Tree, dice: random.Random) -> None:
    """Have one value in two places, which is written as anchor and alias, and may be a loop."""
    source, target = _place(tree, dice), _place(tree, dice)
    if source is not None and target is not None:
        target.put(source.value)


def _wrap(tree: Tree, _other: Tree, dice: random.Random) -> None:
    if place := _place(tree, dice):
        value = place.value
        for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 60, 150))):
            value = [value] if dice.random() < 0.5 else {"a": value}
        place.put(value)


def _edit(tree: Tree, _other: Tree, dice: random.Random) -> None:
    """Change a part of a text, most often of a command line."""
    texts = [one for one in islice(_places(tree), 3000) if isinstance(one.value, str)]
    in_lists = [one for one in texts if isinstance(one.holder, list)]
    if texts:
        place = dice.choice(in_lists or texts)
        text, odd = str(place.value), str(dice.choice((*ODD_TEXTS, *ODD_VALUES)))
        at = dice.randrange(len(text) + 1)
        place.put(dice.choice((text[:at] + odd + text[at:], text[:at], f"{text}={odd}", odd)))


TREE_CHANGES: Final[tuple[Callable[[Tree, Tree, random.Random], None], ...]] = (
    _replace,
    _replace,
    _rename,
    _remove,
    _add,
    _move,
    _share,
    _wrap,
    _edit,
    _edit,
)
