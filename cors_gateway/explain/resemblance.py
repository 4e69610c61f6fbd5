"""Origins that are nearly listed: a slip of the pen, another scheme or port, or a stranger who means to be mistaken.

An origin that was refused is compared with the entries of `allow_origins`, so that nobody adds a second entry where one of
the two is misspelled, or lets in a look-alike. Nothing is decided by resemblance.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from cors_gateway.policy.origin import Origin, ends_in_number, parse_origin
from cors_gateway.policy.pattern import OriginPattern

MIN_LENGTH = 6
"""Shorter hosts are one slip away from too many others."""

_CONFUSABLE = str.maketrans(
    {"0": "o", "1": "l", "3": "e", "5": "s", "ı": "i", "ł": "l", "ø": "o"}
    | {"а": "a", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i", "ј": "j", "о": "o", "р": "p"}
    | {"ѕ": "s", "х": "x", "у": "y", "α": "a", "ν": "v", "ο": "o", "ρ": "p", "-": None, "_": None, ".": None}
)
_PAIRS = (("rn", "m"), ("vv", "w"))


class Likeness(IntEnum):
    """In what way an origin is like an entry; the most telling first."""

    OTHER_SCHEME = 1
    OTHER_PORT = 2
    APEX = 3
    """The very name whose subdomains are listed."""
    WWW = 4
    """One of the two has `www.` before it."""
    MISTAKABLE = 5
    """One letter more, less, other or exchanged, or the same at a glance."""
    BEGINS_LIKE = 6
    """The listed host as the beginning of a longer name."""
    ENDS_LIKE = 7
    """The listed domain glued to something before it."""


@dataclass(frozen=True, slots=True)
class Resemblance:
    likeness: Likeness
    index: int
    """Of the entry in `allow_origins`."""
    meant: str
    """The origin that the entry would have matched; empty if there is not one."""


def resembling(value: str, patterns: Sequence[OriginPattern]) -> Resemblance | None:
    """The entry that an unlisted origin is most like, if any. Expressions and whole schemes are not compared."""
    origin = parse_origin(value.encode())
    if origin is None:
        return None
    best: Resemblance | None = None
    skeleton = _skeleton(origin.host)
    for index, pattern in enumerate(patterns):
        if not pattern.host:
            continue
        likeness = _likeness(origin, skeleton, pattern)
        if likeness is not None and (best is None or likeness < best.likeness):
            best = Resemblance(likeness, index, _meant(origin, pattern, likeness))
    return best


def _likeness(origin: Origin, skeleton: str, pattern: OriginPattern) -> Likeness | None:
    listed, host = pattern.host, origin.host
    if pattern.subdomains:
        if host == listed:
            return Likeness.APEX
        host = _tail(host, listed)
    if host == listed:
        return Likeness.OTHER_SCHEME if origin.scheme != pattern.scheme else Likeness.OTHER_PORT
    if host in (f"www.{listed}", listed.removeprefix("www.")):
        return Likeness.WWW
    if len(listed) >= MIN_LENGTH and listed[0] != "[" and not ends_in_number(listed):
        if _is_one_slip(host, listed) or _skeleton(listed) == (
            skeleton if host == origin.host else _skeleton(host)
        ):
            return Likeness.MISTAKABLE
        if f".{listed}." in f".{origin.host}":
            return Likeness.BEGINS_LIKE
        if listed.count(".") == 1 and origin.host.endswith(listed):
            return Likeness.ENDS_LIKE
    return None


def _meant(origin: Origin, pattern: OriginPattern, likeness: Likeness) -> str:
    if likeness in (Likeness.APEX, Likeness.BEGINS_LIKE, Likeness.ENDS_LIKE):
        return ""
    host, port = pattern.host, origin.port if pattern.any_port else pattern.port
    if pattern.subdomains:
        host = origin.host[: len(origin.host) - len(_tail(origin.host, host))] + host
    return str(Origin(pattern.scheme, host, port))


def _tail(host: str, base: str) -> str:
    """As many labels of the host as the base has; nothing if there would be none before them."""
    labels = host.split(".")
    count = base.count(".") + 1
    return ".".join(labels[-count:]) if len(labels) > count else ""


def _is_one_slip(one: str, other: str) -> bool:
    """Whether one letter is missing, added, exchanged or swapped with its neighbour; numbered names are meant so."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if (left + right).isdigit():
        return False
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])


def _skeleton(host: str) -> str:
    """The host as it looks: punycode decoded, accents dropped, letters that are easily taken for another made one."""
    text = ".".join(_decoded(label) for label in host.split("."))
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    skeleton = plain.translate(_CONFUSABLE)
    for pair, letter in _PAIRS:
        skeleton = skeleton.replace(pair, letter)
    return skeleton


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label.removeprefix("xn--").encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label
