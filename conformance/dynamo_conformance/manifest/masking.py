"""Secrets: what must not be shown of a text, whoever shows it.

A secret is known by its shape (`hf_...`, a JWT, `Bearer ...`) or by the name it is given to: a
variable, key or flag called TOKEN, SECRET, PASSWORD, API_KEY and the like. What shows texts of
users (findings, errors, logs, reports) goes through `masked`; what has a whole document at hand
finds its `Secrets` first, and masks them wherever they are repeated. When in doubt it masks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from dynamo_conformance.manifest.node import Mapping, Scalar, Sequence, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Names

    from dynamo_conformance.manifest.node import Node

MASK = "***"

_SHAPES = (
    # A digit or capital tells a short token from words such as hf_transformers.
    r"hf_(?:(?=[a-z]*[0-9A-Z])[A-Za-z0-9]{8,}|[a-z]{20,})",
    r"sk-(?:(?=[a-z_-]*[0-9A-Z])[A-Za-z0-9_-]{8,}|[a-z_-]{20,})",
    r"nvapi-[A-Za-z0-9_-]{8,}",
    r"gh[pousr]_[A-Za-z0-9]{10,}",
    r"github_pat_[A-Za-z0-9_]{8,}",
    r"(?:glpat|pypi|xox[abeoprs]|dckr_pat)[-_][A-Za-z0-9_-]{10,}",
    r"npm_[A-Za-z0-9]{20,}",
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{12,}",
    r"AIza[A-Za-z0-9_-]{30,}",
    # Nothing of it begins inside a word: else a long word is read again from each place in it.
    r"(?<![_-])eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
)
_SHAPE = re.compile(
    rf"(?<![A-Za-z0-9])(?:{'|'.join(_SHAPES)})"
    r"|(?:(?<=bearer )|(?<=Bearer )|(?<=BEARER )|(?<=Basic )|(?<=basic ))"
    r"(?:(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{6,}|[A-Za-z._~+/=-]{16,})"
    r"|(?<=://)[^\s/:@\"']*:[^\s/@\"']+(?=@)"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----.*?(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_PEM, _URL = "private key-----", "://"
_SHAPE_HINTS = (
    "bearer ", "basic ", "hf_", "sk-", "nvapi", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "pat_",
    "pat-", "pypi", "xox", "npm_", "akia", "asia", "agpa", "aida", "aroa", "aiza", "eyj",
    _PEM,
)  # fmt: skip
"""Whatever has the shape of a secret has one of these, or is in a URL before an `@`."""
_HINTS = (
    "tok", "secret", "passw", "passphrase", "pwd", "key", "credential", _URL, *_SHAPE_HINTS,
)  # fmt: skip
"""Whatever else is looked for has one of these; most texts have none."""

_KEYED = re.compile(
    r"(?:token|secret|passw(?:or)?d|passphrase|pwd|key|credentials?)[\w.-]{0,64}(?P<quote>[\"'])?"
    r"(?P<between>[ \t]{0,8}[:=][ \t]{0,8}|[ \t]{1,8}"
    r"|[ \t]{0,8},[ \t]{0,8}|\s{1,64}-[ \t]{1,8})"
    r"(?:\"(?P<double>[^\"\n]+)|'(?P<single>[^'\n]+)|(?P<plain>[^\s,;\"'{}()\[\]]+))",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.-]{1,64}\Z")
_PAIR = re.compile(
    r"\bname[\"']?[ \t]*:[ \t]*[\"']?(?P<name>[\w.-]+)[\"']?[ \t]*(?:,|\n)\s{0,64}[\"']?"
    r"value[\"']?[ \t]*:[ \t]*"
    r"(?:\"(?P<double>[^\"\n]+)|'(?P<single>[^'\n]+)|(?P<plain>[^\s,\"'{}\[\]]+))"
)
_VALUES = ("double", "single", "plain")

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NOUNS = ("TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "PWD", "APIKEY", "CREDENTIAL",
          "CREDENTIALS")  # fmt: skip
_KEYS = frozenset({"API", "ACCESS", "PRIVATE", "SECRET", "AUTH", "ENCRYPTION", "SIGNING"})
_ABOUT = frozenset({
    "BUDGET", "COUNT", "DIR", "ENABLED", "EXPIRATION", "FILE", "FOLDER", "ID", "IDS", "INDEX",
    "LENGTH", "LIMIT", "NAME", "NAMES", "PATH", "PROVIDER", "REF", "REFS", "SECONDS", "SIZE", "TTL",
    "TYPE", "URI", "URL",
})  # fmt: skip
"""What is called so tells where or what a secret is, and is none."""
_OTHER_TOKENS = frozenset({
    "AUDIO", "BOS", "CLS", "END", "EOS", "IMAGE", "MASK", "MAX", "MIN", "PAD", "PER", "SEP",
    "SPECIAL", "START", "STOP", "UNK", "VIDEO",
})  # fmt: skip
_REFERRING = ("ENV FROM SECRET", "PULL SECRET")
_NO_SECRET = re.compile(
    r"|empty|none|null|dummy|fake|test|unused|not[-_ ]?(?:needed|used|required)|n/a|true|false"
    r"|yes|no|on|off|~|\*+|[|>][+-]?"
    r"|\$\w*|\$\$?[({].*|.*\$\(.*|\{\{.*|<.*|(?:/|\.{1,2}/|file:|https?://).*",
    re.IGNORECASE,
)
"""What is no secret although it stands where one could: nothing, a reference, a place."""

_SHORTEST = 4
"""Shorter ones are words of any message."""
_LONG = 12
_FEW = 2
_MOST_INSIDE = 100
"""So many are looked for inside of words too; more would take long."""

_NO_VALUE = ("name", "valueFrom", "key", "optional")
"""What stands beside a variable's name and is no value of it."""

_PIECE = re.compile(r"[^\s\"'`,;:=(){}\[\]<>]+")
_PART = re.compile(r"[^\s\"'`,;:=(){}\[\]<>/.@$&?!|+*%#-][^\s\"'`,;:=(){}\[\]<>/.@$&?!|+*%#]+")


@lru_cache(maxsize=4096)  # The keys of manifests are the same few.
def is_secret_name(name: str) -> bool:
    """Return whether a variable, key or flag of this name holds a secret, not its place or size."""
    words = [match.upper() for match in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT or any(phrase in " ".join(words) for phrase in _REFERRING):
        return False
    for before, word in zip(("", *words), words, strict=False):
        if word == "KEY" and before in _KEYS:
            return True
        if word.endswith(_NOUNS) and not (word == "TOKEN" and before in _OTHER_TOKENS):
            return True
    return False


def _may_hold(text: str, hints: tuple[str, ...] = _HINTS) -> bool:
    """Whether there is anything to look for; no pattern is as fast as this."""
    return any(map(text.lower().__contains__, hints))


def _shaped(text: str) -> Iterator[re.Match[str]]:
    """Yield what has the shape of a secret; only lines with a hint of one are looked at."""
    low = text.lower()
    hints = [hint for hint in _SHAPE_HINTS if hint in low]
    if "@" in low and _URL in low:
        hints.append(_URL)
    if _PEM in hints or (hints and len(low) != len(text)):
        yield from _SHAPE.finditer(text)  # A private key has several lines.
        return
    end = 0
    for at in sorted(at for hint in hints for at in _places(hint, low)):
        if at >= end:
            start, end = low.rfind("\n", 0, at) + 1, low.find("\n", at)
            end = end if end != -1 else len(low)
            yield from _SHAPE.finditer(text, start, end)


def _places(hint: str, low: str) -> Iterator[int]:
    at = low.find(hint)
    while at != -1:
        yield at
        at = low.find(hint, at + 1)


def masked(text: str, *, manifest: bool = False) -> str:
    """Return `text` with `***` for each secret in it.

    Args:
        text: What is to be shown.
        manifest: Whether it is YAML; then `token: abc` is a key with its value, and no prose.
    """
    if not _may_hold(text):
        return text
    parts, at = [], 0
    for start, end in sorted(_spans(text, manifest=manifest)):
        if end > at:
            parts += [text[at : max(start, at)], MASK]
            at = end
    return "".join((*parts, text[at:]))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets of one document.

    Attributes:
        values: What they are, in order.
    """

    values: tuple[str, ...] = ()

    def masked(self, text: str) -> str:
        """Return `text` with `***` for each of these and any other secret."""
        text = masked(text)
        if not self.values:
            return text
        for value in self.values[:_MOST_INSIDE]:
            if len(value) >= _LONG:
                text = text.replace(value, MASK)
        return _PART.sub(self._shown, _PIECE.sub(self._shown, text))

    def are_in(self, line: str) -> bool:
        """Return whether a line of the document has one of these, or another secret."""
        if _may_hold(line) and any(_spans(line, manifest=True)):
            return True
        return self.masked(line) != line

    def _shown(self, match: re.Match[str]) -> str:
        """Return a word, or the mask if it is one of these, or the beginning of a long one."""
        word = match[0]
        bare = word.rstrip(".")
        for form in (word, bare):
            at = bisect_left(self.values, form)
            near = self.values[at] if at < len(self.values) else ""
            if near == form or (len(bare) >= _LONG and near.startswith(form)):
                return MASK
        return word


def secrets_in(text: str, root: Node | None) -> Secrets:
    """Return the secrets of a document.

    Args:
        text: How it is written.
        root: What it says, or None when it cannot be read.
    """
    low = text.lower()
    # What is written with escapes may hold a hint that the text does not show.
    hints = _HINTS if "\\" in text else tuple(filter(low.__contains__, _HINTS))
    if not hints:
        return Secrets()
    if root is not None:
        return _secrets(_of_node(root, hints))
    return _secrets((*(match[0] for match in _shaped(text)), *_written(text)))


def secrets_given(words: Iterable[str], variables: Names[str, str]) -> Secrets:
    """Return the secrets that a program gets in its command line and environment."""
    line = " ".join(words)
    values = {match[0] for text in (line, *variables.values()) for match in _SHAPE.finditer(text)}
    values.update(_written(line))
    values.update(
        value for name, value in variables.items() if is_secret_name(name) and _is_secret(value)
    )
    return _secrets(values)


def _secrets(values: Iterable[str]) -> Secrets:
    pieces = {piece for value in values for piece in _pieces(value)}
    return Secrets(tuple(sorted(pieces | {piece.lower() for piece in pieces})))


def _pieces(value: str) -> Iterator[str]:
    pieces = _PIECE.findall(value)
    longer = [piece for piece in pieces if len(piece) >= _SHORTEST]
    # The words of a sentence are words of messages too.
    yield from longer if len(pieces) <= _FEW else (piece for piece in longer if len(piece) >= _LONG)


def _written(text: str) -> Iterator[str]:
    return (text[start:end] for start, end in _spans(text, manifest=False))


def _spans(text: str, *, manifest: bool) -> Iterator[tuple[int, int]]:
    """Yield where the secrets of a text are.

    `token: write it` is prose if it is no manifest; `TOKEN=abc`, `TOKEN: abc`, `"token": "abc"` and
    `--token abc` never are.
    """
    for match in _shaped(text):
        yield match.span()
    for match in _KEYED.finditer(text):
        before = _NAME.search(text, max(match.start() - 64, 0), match.start())
        start = before.start() if before is not None else match.start()
        name = text[start : match.end("quote") if match["quote"] else match.start("between")]
        if _is_given(name, match["between"], quoted=bool(match["quote"]), manifest=manifest):
            yield from _value(match, name)
    for match in _PAIR.finditer(text):
        yield from _value(match, match["name"])


def _is_given(name: str, between: str, *, quoted: bool, manifest: bool) -> bool:
    """Whether what stands between a name and a word makes the word the name's value."""
    if "=" in between:
        return True
    if ":" in between:
        return manifest or quoted or name.isupper()
    return name.startswith("--")


def _value(match: re.Match[str], name: str) -> Iterator[tuple[int, int]]:
    kind = next(value for value in _VALUES if match[value] is not None)
    if is_secret_name(name) and _is_secret(match[kind]):
        yield match.span(kind)


def _is_secret(value: str) -> bool:
    return _NO_SECRET.fullmatch(value.strip()) is None


def _of_node(root: Node, hints: tuple[str, ...]) -> Iterator[str]:
    """Yield what stands where a secret does; what an anchor repeats is looked at once.

    Args:
        root: A document.
        hints: Those of `_HINTS` that it may hold.
    """
    waiting: list[Node] = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            yield from _of_mapping(node)
            waiting += (entry.value for entry in node)
        elif isinstance(node, Sequence):
            yield from _of_words(node.items)
            waiting += node.items
        elif isinstance(node.value, str) and _may_hold(node.value, hints):
            yield from _written(node.value)


def _of_mapping(node: Mapping) -> Iterator[str]:
    name = node.string("name")
    # Only variables are written in capitals: with `valeu` for `value` it is one all the same.
    if name is not None and ("value" in node or name.isupper()) and is_secret_name(name):
        for entry in node:
            if entry.key not in _NO_VALUE:
                yield from _of_values(entry.value, name)
    for entry in node:
        if isinstance(entry.value, (Scalar, Sequence)) and is_secret_name(entry.key):
            yield from _of_values(entry.value, entry.key)


def _of_values(node: Node, name: str) -> Iterator[str]:
    """Yield the value of something, also one that is written as a list or mapping by mistake."""
    if isinstance(node, Scalar):
        yield from _of_value(node, name)
        return
    for _path, inner in islice(walk(node), _MOST_INSIDE):
        if isinstance(inner, Scalar):
            yield from _of_value(inner, name)


def _of_words(items: Iterable[Node]) -> Iterator[str]:
    """Yield the words that follow a flag such as --api-key."""
    flag = ""
    for item in items:
        word = item.value if isinstance(item, Scalar) and isinstance(item.value, str) else ""
        if flag and not word.startswith("-"):
            yield from _of_value(item, flag)
        flag = word if word.startswith("--") and "=" not in word and is_secret_name(word) else ""


def _of_value(node: Node | None, name: str) -> Iterator[str]:
    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
        return
    text = str(node.value).strip()
    # A number that is a token is one of a model's vocabulary, or how many there may be.
    if _is_secret(text) and not (text.isdigit() and "token" in name.lower()):
        yield text
