"""What Go's encoding/json says of text that is no JSON. Pure.

The words are those of its scanner (encoding/json/scanner.go), which reads bytes and stops
at the first that cannot be.
"""

import re

from skylogin.encoding.go_format import go_quote

END = "unexpected end of JSON input"
_BLANKS = b" \t\r\n"
_DIGITS = b"0123456789"
_HEXADECIMAL = b"0123456789abcdefABCDEF"
_ESCAPED = b'bfnrt\\/"'
_LITERALS = (b"true", b"false", b"null")
# How the contexts end in which not even a blank can follow.
_INSIDE = (")", "escape", "code", "numeric literal")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')


class SyntaxFaultError(ValueError):
    """The text is no JSON; its own text says why, as Go does."""


def syntax_fault(data: bytes) -> str | None:
    """Return what is wrong with *data*, or None where it is one JSON value."""
    try:
        _Scanner(data).scan()
    except SyntaxFaultError as fault:
        return str(fault)
    return None


class _Scanner:
    """Goes through the bytes of a text, once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def scan(self) -> None:
        """Raise SyntaxFaultError unless there is one value and nothing else."""
        # What is open, innermost last; deep nesting needs no deep stack.
        closing: list[bytes] = []
        self._begin_value(closing)
        while closing:
            self._skip_blanks()
            if closing[-1] == b"]":
                mark = self._one_of(b",]", "after array element")
            else:
                mark = self._one_of(b",}", "after object key:value pair")
            if mark == b",":
                if closing[-1] == b"}":
                    self._skip_blanks()
                    self._key()
                self._begin_value(closing)
            else:
                closing.pop()
        self._skip_blanks()
        if self._place < len(self._data):
            raise _fault(self._next()[0], "after top-level value")

    def _begin_value(self, closing: list[bytes]) -> None:
        """Read a value, or go into it until there is one that has nothing in it."""
        while True:
            self._skip_blanks()
            if self._taken(b"{"):
                self._skip_blanks()
                if self._taken(b"}"):
                    return
                self._key()
                closing.append(b"}")
            elif self._taken(b"["):
                self._skip_blanks()
                if self._taken(b"]"):
                    return
                closing.append(b"]")
            else:
                self._scalar()
                return

    def _key(self) -> None:
        self._one_of(b'"', "looking for beginning of object key string")
        self._text()
        self._skip_blanks()
        self._one_of(b":", "after object key")

    def _scalar(self) -> None:
        start = self._next()
        for literal in _LITERALS:
            if start == literal[:1]:
                self._literal(literal)
                return
        if start == b'"':
            self._place += 1
            self._text()
        elif start in (b"-", *(bytes([digit]) for digit in _DIGITS)):
            self._number()
        else:
            raise _fault(start[0], "looking for beginning of value")

    def _literal(self, literal: bytes) -> None:
        for expected in literal:
            context = f"in literal {literal.decode()} (expecting {chr(expected)!r})"
            self._one_of(bytes([expected]), context)

    def _text(self) -> None:
        while True:
            match = _PLAIN.match(self._data, self._place)
            self._place = match.end() if match else self._place
            mark = self._one_of(b'"\\', "in string literal")
            if mark == b'"':
                return
            if self._one_of(_ESCAPED + b"u", "in string escape code") == b"u":
                for _ in range(4):
                    self._one_of(_HEXADECIMAL, "in \\u hexadecimal character escape")

    def _number(self) -> None:
        self._taken(b"-")
        if self._one_of(_DIGITS, "in numeric literal") != b"0":
            self._skip(_DIGITS)
        if self._taken(b"."):
            self._one_of(_DIGITS, "after decimal point in numeric literal")
            self._skip(_DIGITS)
        if self._taken(b"e") or self._taken(b"E"):
            if not self._taken(b"-"):
                self._taken(b"+")
            self._one_of(_DIGITS, "in exponent of numeric literal")
            self._skip(_DIGITS)

    # --- bytes ---

    def _next(self) -> bytes:
        """Return the next byte, which stays the next."""
        if self._place == len(self._data):
            raise SyntaxFaultError(END)
        return self._data[self._place : self._place + 1]

    def _one_of(self, allowed: bytes, context: str) -> bytes:
        if self._place == len(self._data) and context.endswith(_INSIDE):
            # Go ends a text by a blank, which cannot be inside a number or an escape.
            raise _fault(ord(" "), context)
        mark = self._next()
        if mark not in allowed:
            raise _fault(mark[0], context)
        self._place += 1
        return mark

    def _taken(self, mark: bytes) -> bool:
        if self._data[self._place : self._place + 1] != mark:
            return False
        self._place += 1
        return True

    def _skip(self, marks: bytes) -> None:
        while self._place < len(self._data) and self._data[self._place] in marks:
            self._place += 1

    def _skip_blanks(self) -> None:
        self._skip(_BLANKS)


def _fault(byte: int, context: str) -> SyntaxFaultError:
    return SyntaxFaultError(f"invalid character {_quoted(byte)} {context}")


def _quoted(byte: int) -> str:
    """Return a byte as Go shows it, which takes it for a character."""
    if byte in _QUOTES:
        return _QUOTES[byte]
    return f"'{go_quote(chr(byte))[1:-1]}'"


_QUOTES = {ord("'"): r"'\''", ord('"'): "'\"'"}
