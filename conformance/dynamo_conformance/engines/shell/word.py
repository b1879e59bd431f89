"""Words of a shell script: quotes, expansions and word splitting, as far as they can be known.

What cannot be known keeps the form in which it was written (`$NAME`, `$(command)`), so that such a
text is recognised wherever it ends up (`parsing.unexpanded`).
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, replace
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MAX_TEXT = 100_000
"""No word of a command line is longer than 128 KiB; what grows beyond this is given up."""


MAX_WORDS = 10_000


class Unknowable(Exception):  # noqa: N818 - says what a script is, not what went wrong
    """A script that is too large, too deep or too involved to be read."""


@dataclass(frozen=True, slots=True)
class ShellText:
    """A value of a variable, or a word.

    Attributes:
        text: The text; what is not known of it is written as in the script.
        known: Whether all of it is known.
        many: Whether it may be no word or several: an unquoted value that is not known.
        origin: Which word of the container's command line it was written in, counted from 0.
        blank: Whether it is one word now, but may hold white space that splits it later.
    """

    text: str
    known: bool = True
    many: bool = False
    origin: int | None = None
    blank: bool = False


Value = ShellText | tuple[ShellText, ...] | None
"""A scalar, an array, or None for a variable that is certainly not set."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]|[@*#?$!-]", re.ASCII)
_BRACED = re.compile(
    r"(?P<length>#(?=.))?(?P<name>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])"
    r"(?:\[(?P<index>[^\]]*)\])?(?P<rest>.*)",
    re.ASCII | re.DOTALL,
)
_CALLED = re.compile(r"\$\(\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*\)", re.ASCII)
_BLANK = " \t\n"
_PLAIN = re.compile(r"[^\\\"'$`<>]+")
_ORDINARY = re.compile(r"[\w./:=,@%+-]+", re.ASCII)
_OPERATOR = re.compile(r"(?P<colon>:?)(?P<sign>[-=?+])(?P<word>.*)", re.DOTALL)
_TRIM = re.compile(r"(?P<sign>##?|%%?)(?P<pattern>.*)", re.DOTALL)
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "?": "?", "a": "\a",
    "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v",
}  # fmt: skip
_MAX_TRIMMED = 4_096
_ENDS_OF_UNKNOWN = frozenset("#?$!-")


@dataclass(slots=True, eq=False)
class Variables:
    """What a script can read: variables, positional parameters, and what others may have set.

    Attributes:
        values: The variables that the pod or the script sets.
        positional: `$1` and so on; None when they are not known.
        zero: `$0`.
        exported: Names of the variables that programs are given.
        open: Whether any other variable may be set, to anything.
        splits: Whether unquoted values are split at white space, as IFS and the shell have it.
        single: Names whose values are not known, and are one word.
    """

    values: dict[str, Value]
    _: KW_ONLY
    positional: tuple[ShellText, ...] | None = ()
    zero: ShellText | None = None
    exported: frozenset[str] = frozenset()
    open: bool = False
    splits: bool = True
    single: frozenset[str] = frozenset()

    def assign(self, name: str, value: Value) -> None:
        """Set a variable; IFS decides from then on how words are split."""
        if name == "IFS":
            self.splits = False
        self.values[name] = value

    def find(self, name: str) -> Value:
        """Return a variable, as a text that is not known when others may set it."""
        if name in self.values:
            return self.values[name]
        if self.may_come_from_others(name):
            return unknown(name, many=not self.is_single(name))
        return None

    def is_single(self, name: str) -> bool:
        """Whether a value that is not known has no white space in it."""
        return name in self.single or _SINGLE.fullmatch(name) is not None

    def may_come_from_others(self, name: str) -> bool:
        """Whether the shell, the image, the operator or a Service may set what the pod does not."""
        return self.open or _FROM_OTHERS.fullmatch(name) is not None


_SINGLE = re.compile(
    r"(?:DYN|POD|LWS|GROVE|NATS|ETCD)_[A-Z0-9_]+|[A-Z0-9_]+_SERVICE_(?:HOST|PORT)|HOSTNAME|U?ID|EUID|PPID"
    r"|RANDOM|SECONDS|LINENO",
    re.ASCII,
)
"""What the operator, a Service or the shell itself sets to one word."""

_FROM_OTHERS = re.compile(
    r"(?:DYN|DYNAMO|LWS|GROVE|POD|NIXL|NATS|ETCD|OMPI|PLANNER|HF|CUDA|NVIDIA|NCCL|UCX|VLLM|SGLANG"
    r"|SGL|TRTLLM|TENSORRT|TORCH|PYTHON|BASH|LC|LD|VIRTUAL|KUBERNETES|RAY|UV|XDG)_?.*"
    r"|.+_SERVICE_(?:HOST|PORT).*|.+_PORT(?:_.+)?|CONTAINER_NAME|MODEL_EXPRESS_URL"
    r"|PROMETHEUS_ENDPOINT|HOME|PATH|PWD|OLDPWD|HOSTNAME|HOSTTYPE|MACHTYPE|OSTYPE|USER|LOGNAME"
    r"|SHELL|SHELLOPTS|SHLVL|TERM|LANG|TMPDIR|UID|EUID|GROUPS|PPID|RANDOM|SRANDOM|SECONDS|EPOCH.*"
    r"|LINENO|IFS|OPT(?:ARG|IND|ERR)|PS[0-4]|_|DIRSTACK|FUNCNAME|PIPESTATUS|REPLY|COLUMNS|LINES"
    r"|DEBIAN_FRONTEND|CPATH|LIBRARY_PATH|WORKSPACE_DIR",
    re.ASCII,
)


def unknown(name: str, *, many: bool) -> ShellText:
    """Return what stands for a variable whose value is not known."""
    return ShellText(f"${name}", known=False, many=many)


def words(source: str, variables: Variables) -> list[ShellText]:
    """Return the words that one word of a script becomes."""
    if _ORDINARY.fullmatch(source):
        return [ShellText(source)]
    fields = _Fields(variables)
    _Scanner(source, variables, fields).scan()
    return fields.finished()


def value(source: str, variables: Variables) -> ShellText:
    """Return what `NAME=source` assigns: nothing is split."""
    fields = _Fields(variables, whole=True)
    fields.literal("")
    _Scanner(source, variables, fields, assigns=True).scan()
    (text,) = fields.finished()
    return text


class _Fields:
    """The words that expansions are gathered into."""

    def __init__(self, variables: Variables, *, whole: bool = False) -> None:
        self.whole = whole
        self._splits = variables.splits
        self._done: list[ShellText] = []
        self._parts: list[str] | None = None
        self._size = 0
        self._known, self._many, self._glob, self._blank = True, False, False, False
        self._origin: int | None = None

    def literal(self, text: str) -> None:
        """Add what is there as it stands, an empty text too: it makes a word."""
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise Unknowable
        if self._parts is None:
            self._parts = []
        self._parts.append(text)

    def glob(self) -> None:
        """Note a pattern of file names: the word is whatever files there are."""
        self._glob = not self.whole

    def add(self, text: ShellText, *, quoted: bool) -> None:
        """Add the value of an expansion."""
        if text.origin is not None:
            self._origin = text.origin
        if not text.known:
            self.literal(text.text)
            self._known = False
            self._blank |= text.many or text.blank
            self._many |= (text.many or text.blank) and (self.whole or not quoted)
        elif quoted or self.whole:
            self.literal(text.text)
        else:
            self._split(text.text)

    def items(self, items: Sequence[ShellText], *, quoted: bool) -> None:
        """Add the elements of `"${A[@]}"`, each a word of its own."""
        for place, item in enumerate(items):
            if place and self.whole:
                self.literal(" ")
            elif place:
                self._finish()
            self.add(item, quoted=quoted)
            # An element that stands for any number of them does so in quotes, too.
            self._many |= item.many

    def finished(self) -> list[ShellText]:
        """Return the words."""
        self._finish()
        return self._done

    def _split(self, text: str) -> None:
        if not self._splits:
            if any(blank in text for blank in _BLANK) or not text:
                self.literal(f"$(echo {text})")
                self._known, self._many = False, True
                return
            self._glob |= _is_pattern(text, value=True)
            self.literal(text)
            return
        if text and text[0] in _BLANK:
            self._finish()
        for place, piece in enumerate(text.split()):
            if place:
                self._finish()
            self._glob |= _is_pattern(piece, value=True)
            self.literal(piece)
        if text.strip() and text[-1] in _BLANK:
            self._finish()

    def _finish(self) -> None:
        if self._parts is not None:
            text = "".join(self._parts)
            if self._glob:
                done = ShellText(f"$(echo {text})", known=False, many=True, origin=self._origin)
            else:
                done = ShellText(text, self._known, self._many, self._origin, self._blank)
            self._done.append(done)
        if len(self._done) > MAX_WORDS:
            raise Unknowable
        self._parts = None
        self._known, self._many, self._glob, self._blank = True, False, False, False
        self._origin = None


class _Scanner:
    """Reads the source of one word from left to right."""

    def __init__(
        self, source: str, variables: Variables, fields: _Fields, *, assigns: bool = False
    ) -> None:
        self._source = source
        self._variables = variables
        self._fields = fields
        self._assigns = assigns
        self._at = 0

    def scan(self, *, quoted: bool = False, inner: bool = False) -> None:
        """Read all of it.

        Args:
            quoted: Whether it stands between double quotes.
            inner: Whether it is the word of `${NAME:-word}`, whose bare text is split, too.
        """
        if not quoted:
            self._patterns(inner=inner)
        while self._at < len(self._source):
            char = self._source[self._at]
            if char == "\\":
                self._backslash(quoted=quoted)
            elif char == '"':
                self._double(quoted=quoted)
            elif char == "'" and not quoted:
                end = self._find("'", self._at + 1)
                self._fields.literal(self._source[self._at + 1 : end])
                self._at = end + 1
            elif char == "$":
                self._dollar(quoted=quoted)
            elif char == "`":
                self._backticks(quoted=quoted)
            elif char in "<>" and not quoted and self._source[self._at + 1 : self._at + 2] == "(":
                end = closing(self._source, self._at + 1)
                self._opaque(self._source[self._at : end + 1], quoted=False, many=False)
                self._at = end + 1
            else:
                self._bare(inner=inner, quoted=quoted)

    def _bare(self, *, inner: bool, quoted: bool) -> None:
        plain = _PLAIN.match(self._source, self._at)
        text = plain[0] if plain is not None else self._source[self._at]
        if inner and not quoted:
            self._fields.add(ShellText(text), quoted=False)
        else:
            self._fields.literal(text)
        self._at += len(text)

    def _patterns(self, *, inner: bool) -> None:
        """Note what the shell makes of bare characters: file names, braces, a home folder."""
        bare = _bare_only(self._source)
        if not inner and any(char in bare for char in _BLANK):
            raise Unknowable  # The syntax tree takes several words for one.
        if _is_pattern(bare):
            self._fields.glob()
        if bare.startswith("~"):
            self._at = 1
        tilde = r"(?:^|:)~" if self._assigns else r"^(?:[A-Za-z_]\w*=)?~"
        if re.search(tilde, bare):
            self._fields.add(ShellText("$HOME", known=False), quoted=True)

    def _find(self, char: str, start: int) -> int:
        end = self._source.find(char, start)
        if end < 0:
            raise Unknowable
        return end

    def _backslash(self, *, quoted: bool) -> None:
        following = self._source[self._at + 1 : self._at + 2]
        if following != "\n":
            keeps = quoted and following not in '$`"\\'
            self._fields.literal(f"\\{following}" if keeps or not following else following)
        self._at += 2

    def _double(self, *, quoted: bool) -> None:
        if quoted:  # Quotes in `"${NAME:-"word"}"` only end and begin again.
            self._at += 1
            return
        end = closing_quote(self._source, self._at)
        self._fields_quoted(self._source[self._at + 1 : end])
        self._at = end + 1

    def _fields_quoted(self, source: str) -> None:
        only_items = re.fullmatch(r"(?:\$@|\$\{(?:@|\w+\[@\])\})+", source)
        if only_items is None:
            self._fields.literal("")
        _Scanner(source, self._variables, self._fields).scan(quoted=True)

    def _dollar(self, *, quoted: bool) -> None:
        start, following = self._at, self._source[self._at + 1 : self._at + 2]
        if following == "'" and not quoted:
            self._ansi()
        elif following == '"' and not quoted:
            self._at += 1
        elif following in ("(", "{", "["):
            end = closing(self._source, start + 1, quoted=quoted)
            piece = self._source[start : end + 1]
            self._at = end + 1
            if following == "{":
                self._braced(piece[2:-1], piece, quoted=quoted)
            else:
                self._command(piece, quoted=quoted)
        elif (match := _SIMPLE.match(self._source, start + 1)) is not None:
            self._at = match.end()
            self._parameter(match[0], f"${match[0]}", quoted=quoted)
        else:
            self._fields.literal("$")
            self._at += 1

    def _command(self, piece: str, *, quoted: bool) -> None:
        """Add a command's output, a calculation, or what the kubelet puts in `$(NAME)`."""
        called = _CALLED.fullmatch(piece)
        calculates = piece.startswith(("$((", "$["))
        is_single = called is not None and self._variables.is_single(called["name"])
        self._opaque(piece, quoted=quoted, many=not (calculates or is_single))

    def _opaque(self, piece: str, *, quoted: bool, many: bool = True) -> None:
        self._fields.add(ShellText(piece, known=False, many=many), quoted=quoted)

    def _backticks(self, *, quoted: bool) -> None:
        end = self._at + 1
        while end < len(self._source) and self._source[end] != "`":
            end += 2 if self._source[end] == "\\" else 1
        self._opaque(self._source[self._at : end + 1], quoted=quoted)
        self._at = end + 1

    def _ansi(self) -> None:
        at = self._at + 2
        while at < len(self._source) and self._source[at] != "'":
            char = self._source[at]
            at += 1
            if char == "\\" and at < len(self._source):
                escaped = _ESCAPES.get(self._source[at])
                if escaped is None:
                    raise Unknowable
                char = escaped
                at += 1
            self._fields.literal(char)
        self._fields.literal("")
        self._at = at + 1

    def _parameter(self, name: str, piece: str, *, quoted: bool) -> None:
        if name in ("@", "*"):
            self._all(self._variables.positional, name, piece, quoted=quoted)
            return
        known = self._scalar(name)
        if known is None and name not in self._variables.values and _NAME.fullmatch(name):
            # Set nowhere here: it is meant to come from somewhere all the same.
            known = unknown(name, many=True)
        self._fields.add(_spelled(known or ShellText(""), piece), quoted=quoted)

    def _scalar(self, name: str) -> ShellText | None:
        """Return a parameter's value, or None when it is not set."""
        if name.isdigit():
            return self._position(int(name))
        if name == "#" and self._variables.positional is not None:
            items = self._variables.positional
            if not any(item.many for item in items):
                return ShellText(str(len(items)))
        if name in _ENDS_OF_UNKNOWN:
            return ShellText(f"${name}", known=False)
        known = self._variables.find(name)
        if isinstance(known, tuple):
            return known[0] if known else None
        return known

    def _position(self, place: int) -> ShellText | None:
        if place == 0:
            return self._variables.zero or ShellText("$0", known=False)
        items = self._variables.positional
        if items is None or any(item.many for item in items[:place]):
            return ShellText(f"${place}", known=False, many=True)
        return items[place - 1] if place <= len(items) else None

    def _all(
        self, items: tuple[ShellText, ...] | None, sign: str, piece: str, *, quoted: bool
    ) -> None:
        if items is None:
            items = (ShellText(piece, known=False, many=True),)
        if sign == "*" and quoted:
            joined = " ".join(item.text for item in items)
            known = all(item.known for item in items) and self._variables.splits
            text = ShellText(joined if known else piece, known=known, many=not known)
            self._fields.add(text, quoted=True)
        else:
            self._fields.items(items, quoted=quoted)

    def _braced(self, inside: str, piece: str, *, quoted: bool) -> None:
        match = _BRACED.fullmatch(inside)
        if match is None or inside.startswith("!"):
            self._opaque(piece, quoted=quoted)
            return
        name, index, rest = match["name"], match["index"], match["rest"]
        if match["length"] is None and not rest and index is None:
            self._parameter(name, piece, quoted=quoted)
        elif index in ("@", "*") or (index is None and name in ("@", "*")):
            self._array(match, piece, quoted=quoted)
        else:
            self._changed(match, piece, quoted=quoted)

    def _array(self, match: re.Match[str], piece: str, *, quoted: bool) -> None:
        """Add `${A[@]}` and the like, with a default or a count."""
        name, sign = match["name"], match["index"] or match["name"]
        items = self._elements(name)
        operator = _OPERATOR.fullmatch(match["rest"])
        counted = items is not None and not any(item.many for item in items)
        if match["length"]:
            count = ShellText(str(len(items or ())) if counted else piece, known=counted)
            self._fields.add(count, quoted=True)
        elif not match["rest"]:
            self._all(items, sign, piece, quoted=quoted)
        elif operator is not None and items is not None and not any(item.many for item in items):
            self._choose(
                operator,
                is_set=bool(items),
                is_empty=not "".join(item.text for item in items),
                use=lambda: self._all(items, sign, piece, quoted=quoted),
                quoted=quoted,
                piece=piece,
            )
        else:
            self._opaque_items(piece, quoted=quoted)

    def _opaque_items(self, piece: str, *, quoted: bool) -> None:
        self._fields.items((ShellText(piece, known=False, many=True),), quoted=quoted)

    def _elements(self, name: str) -> tuple[ShellText, ...] | None:
        if name in ("@", "*"):
            return self._variables.positional
        known = self._variables.find(name)
        if known is None:
            return () if name in self._variables.values else None
        return known if isinstance(known, tuple) else (known,)

    def _changed(self, match: re.Match[str], piece: str, *, quoted: bool) -> None:
        """Add `${X:-y}`, `${#X}`, `${A[0]}`, `${X##*/}` and whatever else braces can say."""
        current = self._element(match["name"], match["index"])
        operator = _OPERATOR.fullmatch(match["rest"])
        trim = _TRIM.fullmatch(match["rest"])
        if current is not None and not current.known:
            self._opaque(piece, quoted=quoted)
        elif match["length"] and not match["rest"]:
            self._fields.add(ShellText(str(len((current or ShellText("")).text))), quoted=True)
        elif not match["rest"]:
            self._fields.add(current or ShellText(""), quoted=quoted)
        elif operator is not None and not match["length"]:
            self._default(match["name"], current, operator, piece, quoted=quoted)
        elif trim is not None and current is not None:
            self._trimmed(current, trim, piece, quoted=quoted)
        else:
            self._opaque(piece, quoted=quoted)

    def _element(self, name: str, index: str | None) -> ShellText | None:
        if index is None:
            return self._scalar(name)
        items = self._elements(name)
        if items is None or not index.isdigit() or any(item.many for item in items):
            return ShellText(f"${name}", known=False, many=True)
        return items[int(index)] if len(index) < 6 and int(index) < len(items) else None  # noqa: PLR2004

    def _default(
        self,
        name: str,
        current: ShellText | None,
        operator: re.Match[str],
        piece: str,
        *,
        quoted: bool,
    ) -> None:
        text = current or ShellText("")
        self._choose(
            operator,
            is_set=current is not None,
            is_empty=not text.text,
            use=lambda: self._fields.add(text, quoted=quoted),
            quoted=quoted,
            piece=piece,
        )
        missing = current is None or (operator["colon"] and not text.text)
        if operator["sign"] == "=" and missing:
            self._variables.assign(name, value(operator["word"], self._variables))

    def _choose(
        self,
        operator: re.Match[str],
        *,
        is_set: bool,
        is_empty: bool,
        use: Callable[[], None],
        quoted: bool,
        piece: str,
    ) -> None:
        present = is_set and not (operator["colon"] and is_empty)
        sign = operator["sign"]
        if present == (sign == "+"):
            if sign == "?":
                self._opaque(piece, quoted=quoted)
            elif sign == "=":
                self._fields.add(value(operator["word"], self._variables), quoted=quoted)
            else:
                _Scanner(operator["word"], self._variables, self._fields).scan(
                    quoted=quoted, inner=True
                )
        elif sign != "+":
            use()

    def _trimmed(
        self, current: ShellText, trim: re.Match[str], piece: str, *, quoted: bool
    ) -> None:
        pattern = trim["pattern"]
        if re.search(r"[\[\]\\'\"$`(]", pattern) or len(current.text) > _MAX_TRIMMED:
            self._opaque(piece, quoted=quoted)
            return
        text = _cut(current.text, pattern, trim["sign"])
        self._fields.add(replace(current, text=text), quoted=quoted)


def _cut(text: str, pattern: str, sign: str) -> str:
    """Return `text` without the shortest (or longest) end that a pattern of the shell matches."""
    matches = re.compile(translate(pattern)).match
    places: Iterable[int] = range(len(text) + 1)
    if sign in ("##", "%"):
        places = reversed(range(len(text) + 1))
    for place in places:
        piece = text[:place] if sign[0] == "#" else text[place:]
        if matches(piece):
            return text[place:] if sign[0] == "#" else text[:place]
    return text


def _spelled(match: ShellText, piece: str) -> ShellText:
    """Return a value as it is written here when it is not known."""
    return match if match.known else replace(match, text=piece)


def _is_pattern(text: str, *, value: bool = False) -> bool:
    """Whether the shell makes other words of bare text: a pattern of file names, or braces."""
    if any(char in text for char in ("*?\\" if value else "*?()")):
        return True
    if 0 <= text.find("[") < text.rfind("]"):
        return True
    start, end = text.find("{"), text.rfind("}")
    inside = text[start:end] if 0 <= start < end and not value else ""
    return "," in inside or ".." in inside


def _bare_only(source: str) -> str:
    """Return a word's characters that no quote or expansion covers, others as NUL."""
    out: list[str] = []
    at = 0
    while at < len(source):
        char, start = source[at], at
        if char == "\\":
            at += 2
        elif char == "'":
            at = source.find("'", at + 1) + 1 or len(source)
        elif char == '"':
            at = closing_quote(source, at) + 1
        elif char == "$" and source[at + 1 : at + 2] in ("(", "{", "["):
            at = closing(source, at + 1) + 1
        elif char == "$" and source[at + 1 : at + 2] == "'":
            at = _end_of_ansi(source, at + 2)
        elif char == "$" and (simple := _SIMPLE.match(source, at + 1)) is not None:
            at = simple.end()
        elif char == "`":
            at = (source.find("`", at + 1) + 1) or len(source)
        elif char in "<>" and source[at + 1 : at + 2] == "(":
            at = closing(source, at + 1) + 1
        else:
            out.append(char)
            at += 1
            continue
        out.append("\0" * (at - start))
    return "".join(out)


def _end_of_ansi(source: str, at: int) -> int:
    while at < len(source) and source[at] != "'":
        at += 2 if source[at] == "\\" else 1
    return at + 1


_PAIRS = {"(": ")", "{": "}", "[": "]"}


def closing(source: str, at: int, *, quoted: bool = False) -> int:
    """Return where the bracket at `at` is closed.

    Raises:
        Unknowable: It is not.
    """
    expected = [_PAIRS[source[at]]]
    at += 1
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif char == "'" and not quoted:
            at = source.find("'", at + 1)
            if at < 0:
                break
        elif char == '"' and not quoted:
            at = closing_quote(source, at)
        elif char == expected[-1]:
            expected.pop()
            if not expected:
                return at
        elif char in "({" and (char == "(" or source[at - 1] == "$"):
            expected.append(_PAIRS[char])
        at += 1
    raise Unknowable


def closing_quote(source: str, at: int) -> int:
    """Return where the double quote at `at` is closed.

    Raises:
        Unknowable: It is not.
    """
    at += 1
    while at < len(source):
        char = source[at]
        if char == "\\":
            at += 1
        elif char == '"':
            return at
        elif char == "$" and source[at + 1 : at + 2] in ("(", "{"):
            at = closing(source, at + 1, quoted=source[at + 1] == "{")
        at += 1
    raise Unknowable
