"""The questions of the CORS protocol as pure functions: what does a preflight ask, does the policy cover it.

Everything here works on received bytes and answers in values. The order of the questions and the bytes of the
answers are in `compiled.py`.
"""

from collections.abc import Collection, Sequence

from cors_gateway.policy import fetch
from cors_gateway.policy.fetch import TOKEN
from cors_gateway.policy.policy import Policy

SAFELISTED_METHODS = frozenset(method.encode("ascii") for method in fetch.SAFELISTED_METHODS)
FORBIDDEN_METHODS = frozenset(method.encode("ascii") for method in fetch.FORBIDDEN_METHODS)
"""As received."""

_NON_WILDCARD = fetch.NON_WILDCARD_REQUEST_HEADER.encode("ascii")

MAX_METHOD_LENGTH = 32
"""Longer methods are refused in requests as well, so a grant would be of no use."""

MAX_HEADER_LIST = 4096
"""Bytes over all lines of `Access-Control-Request-Headers`."""

MAX_EMPTY_ELEMENTS = 16
"""Empty elements over all those lines; RFC 9110 section 5.6.1 asks for "a reasonable number"."""


def asked_method(lines: Sequence[bytes]) -> bytes | None:
    """The method a preflight asks for; None unless there is exactly one line holding one token."""
    if len(lines) != 1:
        return None
    method = lines[0]
    if len(method) > MAX_METHOD_LENGTH or TOKEN.fullmatch(method) is None:
        return None
    return method


def asked_headers(lines: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """The header names a preflight asks for: lower case, each once, in order; None if malformed or over the limits.

    All lines count, since intermediaries split lists (RFC 9110 section 5.3). Sorted or unique input is not required.
    """
    if sum(map(len, lines)) > MAX_HEADER_LIST:
        return None
    names: dict[bytes, None] = {}
    spare = MAX_EMPTY_ELEMENTS
    for line in lines:
        for element in line.split(b","):
            name = element.strip(b" \t")
            if not name:
                spare -= 1
                if spare < 0:
                    return None
            elif TOKEN.fullmatch(name) is None:
                return None
            else:
                names[name.lower()] = None
    return tuple(names)


def is_method_covered(policy: Policy, method: bytes, listed: Collection[bytes]) -> bool:
    """Whether a preflight may ask for the method; `listed` are the bytes of `policy.allow_methods`."""
    if method in SAFELISTED_METHODS or method in listed:
        return True
    return policy.any_method and method.upper() not in FORBIDDEN_METHODS


def first_uncovered_header(policy: Policy, names: Sequence[bytes], listed: Collection[bytes]) -> bytes | None:
    """The first asked name that is not granted; `listed` are the bytes of `policy.allow_headers`.

    A star without credentials does not cover Authorization (Fetch, "CORS non-wildcard request-header name"). With
    credentials the answer names every asked header, Authorization among them.
    """
    for name in names:
        if name in listed:
            continue
        if not policy.any_header or (name == _NON_WILDCARD and not policy.allow_credentials):
            return name
    return None
