"""The mock engine's vocabulary: pieces of text, made by rule, the same on every machine.

The mocker answers with token ids it draws between 1000 and 2000. For the answer to be text that a
person can read, each of those ids has to be a visible word; and for the router to tell prompts
apart, every text has to keep its own sequence of ids. So the pieces are all 256 bytes (any UTF-8
text survives the round trip), words made of syllables (the answers), common English words and
letter pairs (prompts of about one token a word).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
SPECIALS = (END_OF_TEXT, TURN_START, TURN_END)
MARKS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
"""Tokens of their own, as in the models that write them; parsers find thoughts by such tokens.

They come after all pieces.
"""

_WORDS = 2304
_CONSONANTS = "bdfgklmnprstvz"
_VOWELS = "aeiou"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_COMMON = """
the of and to in is you that it he was for on are as with his they at be this have from or one had
by word but not what all were we when your can said there use an each which she do how their if
will up other about out many then them these so some her would make like him into time has look two
more write go see number no way could people my than first water been call who its now find long
down day did get come made may part over new sound take only little work know place year live me
back give most very after thing our just name good sentence man think say great where help through
much before line right too mean old any same tell boy follow came want show also around form three
small set put end does another well large must big even such because turn here why ask went men
read need land different home us move try kind hand picture again change off play spell air away
animal house point page letter answer mother found study still learn should world hello please
user assistant system tell short long story question model list write explain code text data
capital france paris weather today tomorrow city country language computer science number count
"""


def pieces() -> Iterator[tuple[str, float]]:
    """Yield every piece after the specials with its score, in the order of their ids.

    Pieces are written in the byte-level alphabet: one visible character for each byte, so that
    the blank before a word is the character of byte 32. Scores are log probabilities for a
    unigram model: fewer, longer pieces always win.
    """
    alphabet = byte_alphabet()
    blank = alphabet[ord(" ")]
    for value in range(256):
        yield alphabet[value], -12.0
    seen: set[str] = set()
    for word in made_words():
        seen.add(blank + word)
        yield blank + word, -8.0
    for piece in _prompt_pieces(blank):
        if piece not in seen:
            seen.add(piece)
            yield piece, -8.0 if len(piece) > 2 or piece.startswith(blank) else -10.0  # noqa: PLR2004 -- a pair


def made_words() -> Iterator[str]:
    """Yield the visible words of the answers: two syllables each, no two alike."""
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    total = len(syllables) ** 2
    for index in range(_WORDS):
        # A stride without a common factor visits every pair once and mixes neighbours.
        first, second = divmod(index * 1009 % total, len(syllables))
        yield syllables[first] + syllables[second]


def byte_alphabet() -> tuple[str, ...]:
    """Return the visible character for each byte, as byte-level tokenizers write them.

    Printable Latin-1 bytes stand for themselves; the others are counted up from code point 256.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    shown: list[str] = []
    hidden = 0
    for value in range(256):
        if value in printable:
            shown.append(chr(value))
        else:
            shown.append(chr(256 + hidden))
            hidden += 1
    return tuple(shown)


def _prompt_pieces(blank: str) -> Iterator[str]:
    for word in _COMMON.split():
        for spelling in (word, word.capitalize()):
            yield blank + spelling
            if len(spelling) > 1:
                yield spelling
    for first in _LETTERS:
        yield blank + first
        for second in _LETTERS:
            yield first + second
