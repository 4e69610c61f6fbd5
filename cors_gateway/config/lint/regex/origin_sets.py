"""Sets of origins written as expressions, for `language.py` to compare an operator's expression with.

They may hold a little more than the grammar of origins allows (a port of 99999, say), never less.
"""

import re

from cors_gateway.policy.pattern import OriginPattern

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_LABEL = "[a-z0-9_-]"
_LABELS = rf"(?:{_LABEL}+\.)*"
_ANY_PORT = "(?::[1-9][0-9]{0,4})?"


def _other_than(word: str, chars: str, first: str = "") -> str:
    """Describe every text of `chars` (that begins with one of `first`) except one, by where it departs from it."""
    starts = [first or chars, *[chars] * len(word)]
    departures = (f"{word[:at]}[{starts[at].replace(char, '')}][{chars}]*" for at, char in enumerate(word))
    return "|".join((*departures, *(word[:at] for at in range(1, len(word))), f"{word}[{chars}]+"))


SCHEME = "[a-z][a-z0-9+.-]*://"
NAME = rf"{_LABELS}[a-z_-]{_LABEL}*\.?"
"""A host that is not an address."""

NAMED_ORIGIN = SCHEME + NAME + _ANY_PORT

ANY_ORIGIN = rf"{SCHEME}(?:{_LABELS}{_LABEL}+\.?|\[[0-9a-f:]+\]|\.){_ANY_PORT}"

_NETWORK_NAME = rf"{_LABELS}(?:{_other_than('localhost', _LETTERS + _DIGITS + '-', _LETTERS)})"
_NETWORK_ADDRESS = rf"(?:{_other_than('127', _DIGITS)})(?:\.[0-9]{{1,3}}){{3}}"

INSECURE_ORIGIN = rf"http://(?:{_NETWORK_NAME}|{_NETWORK_ADDRESS}){_ANY_PORT}"
"""Plain http from another machine: neither `localhost`, nor a name below it, nor a loopback address."""

INSECURE_SITE = rf"http://(?:[a-z0-9-]+\.)+(?:{_other_than('localhost', _LETTERS)})"
"""Those of them that could as well be https: a name with a domain, on the default port."""


def with_port(scheme: str, port: int) -> tuple[str, int]:
    """Describe the origins that spell out a port, and say where in the description the port begins."""
    host = rf"{scheme}://(?:{_LABELS}{_LABEL}+\.?|\[[0-9a-f:]+\])"
    return f"{host}:{port}", len(host)


def of_pattern(pattern: OriginPattern) -> str:
    """Describe what an entry of `allow_origins` matches."""
    if pattern.regex is not None:
        return pattern.regex
    if pattern.any_host:
        return rf"{re.escape(pattern.scheme)}://{_LABELS}{_LABEL}+"
    port = "" if pattern.port is None else f":{pattern.port}"
    return "".join(
        (
            f"{re.escape(pattern.scheme)}://",
            f"(?:{_LABEL}+\\.)+" if pattern.subdomains else "",
            re.escape(pattern.host),
            _ANY_PORT if pattern.any_port else port,
        )
    )


def ending_in(end: str) -> str:
    """Describe the origins whose host ends so."""
    return rf"{SCHEME}{_LABELS}{_LABEL}*{re.escape(end)}\.?{_ANY_PORT}"
