"""One entry of `allow_origins` as a value: exact, with wildcards, a whole scheme, or a regular expression.

Reading an entry either gives an `OriginPattern` or a `PatternFault` that says what is wrong and what to write
(`pattern_fault.py`). Whether an acceptable pattern is also wise is for the configuration's lints to say. Matching is in
`matcher.py`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address

from cors_gateway.policy.origin import (
    LOCAL_FILES,
    MAX_HOST_LENGTH,
    Origin,
    ends_in_number,
    is_ipv4,
    parse_origin,
)
from cors_gateway.policy.pattern_fault import PatternFault, find_fault
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.regex import INSTALL_HINT, RegexInvalidError, RegexUnavailableError, compile_regex
from cors_gateway.policy.schemes import RANDOM_HOSTS
from cors_gateway.policy.spelling import is_punycode_sound


class PatternKind(StrEnum):
    EXACT = "exact"
    WILDCARD = "wildcard"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class OriginPattern:
    """Two patterns are equal if they mean the same; `text` is how this one was written."""

    text: str = field(compare=False)
    kind: PatternKind
    scheme: str = ""
    host: str = ""
    """The host, or what follows `*.` if `subdomains`. IPv6 keeps its brackets.

    Empty for a regular expression, for `any_host` and for `file://`.
    """
    port: int | None = None
    """None is the default port of the scheme, unless `any_port`."""
    subdomains: bool = False
    any_port: bool = False
    regex: str | None = None
    any_host: bool = False
    """`scheme://*`, for the schemes of `schemes.py`."""


def parse_pattern(text: str) -> OriginPattern | PatternFault:
    """Read an exact origin, `scheme://*.base`, either with `:*` for the port, or `scheme://*` of a scheme for apps."""
    return _accept(text) or find_fault(text, is_pattern)


def regex_pattern(expression: str) -> OriginPattern | PatternFault:
    """Read the expression of a `regex` entry; faults are `regex_invalid` and `regex_unavailable`."""
    try:
        compile_regex(expression)
    except RegexUnavailableError:
        message = f"{quoted(expression)} needs the RE2 engine, which is not installed"
        return PatternFault("regex_unavailable", message, INSTALL_HINT)
    except RegexInvalidError as error:
        message = f"{quoted(expression)} does not compile: {error}"
        hint = "write an expression in RE2 syntax: no look-around, no back-references"
        return PatternFault("regex_invalid", message, hint)
    return OriginPattern(expression, PatternKind.REGEX, regex=expression)


def is_pattern(text: str) -> bool:
    """Whether `parse_pattern` accepts the text."""
    return _accept(text) is not None


def is_insecure(pattern: OriginPattern) -> bool:
    """Whether the page can be replaced on its way: plain http, not from this machine (RFC 6761 section 6.3).

    Says nothing about regular expressions, whose scheme is not known.
    """
    return pattern.scheme == "http" and not is_loopback(pattern.host)


def is_loopback(host: str) -> bool:
    """Whether the host is a loopback address, `localhost` or a name below it."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or name == "[::1]":
        return True
    return is_ipv4(name) and IPv4Address(name).is_loopback


def covers(wide: OriginPattern, narrow: OriginPattern) -> bool:
    """Whether `wide` matches every origin that `narrow` matches. Never true of regular expressions."""
    if PatternKind.REGEX in (wide.kind, narrow.kind) or wide.scheme != narrow.scheme:
        return False
    if wide.any_host:
        return narrow.any_host or (narrow.port is None and not narrow.any_port)
    if not wide.any_port and (narrow.any_port or wide.port != narrow.port):
        return False
    if wide.host == narrow.host:
        return wide.subdomains == narrow.subdomains
    return wide.subdomains and narrow.host.endswith(f".{wide.host}")


def _accept(text: str) -> OriginPattern | None:
    scheme, separator, host = text.partition("://")
    if host == "*" and separator and scheme in RANDOM_HOSTS:
        return OriginPattern(text, PatternKind.WILDCARD, scheme, any_host=True)
    any_port = text.endswith(":*")
    body = text.removesuffix(":*")
    subdomains = "://*." in body
    if subdomains:
        body = body.replace("://*.", "://", 1)
    origin = parse_origin(body.encode("ascii", "replace"))
    if origin is None or (any_port and origin.port is not None):
        return None
    if origin.scheme == "file" and text != LOCAL_FILES:
        return None
    if subdomains and not _can_have_subdomains(origin):
        return None
    if "xn--" in text and not is_punycode_sound(origin.host):
        return None
    kind = PatternKind.WILDCARD if subdomains or any_port else PatternKind.EXACT
    return OriginPattern(text, kind, origin.scheme, origin.host, origin.port, subdomains, any_port)


def _can_have_subdomains(origin: Origin) -> bool:
    if origin.host == "." or origin.host[0] == "[" or ends_in_number(origin.host):
        return False
    return len(origin.host) + len("a.") <= MAX_HOST_LENGTH
