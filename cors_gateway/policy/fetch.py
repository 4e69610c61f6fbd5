"""The tables of the Fetch standard: which methods and field names mean something to browsers.

Each table stands here once, in the case of the standard for methods and in lower case for field names. What follows
from them for a request is in `browser.py` and `decide.py`, what follows for a configuration in the rules of `config/lint`.
"""

import re

_TCHARS = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

TOKEN = re.compile(_TCHARS.encode("ascii"))
"""A method or a field name as received (RFC 9110, section 5.6.2)."""
TOKEN_TEXT = re.compile(_TCHARS)
"""The same of text."""

SAFELISTED_METHODS = ("GET", "HEAD", "POST")
"""Methods that need no listing ("CORS-safelisted method")."""

NORMALISED_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""Methods that browsers put in upper case; all others are sent as typed ("normalize a method")."""

FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
"""Methods that no script may use, compared without case ("forbidden method")."""

METHOD_OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
"""Names that make another method of a request; forbidden with a forbidden method as value."""

SAFELISTED_REQUEST_HEADERS = frozenset(
    {"accept", "accept-language", "content-language", "content-type", "range"}
)
"""Names that need no preflight as long as their values are simple ("CORS-safelisted request-header")."""

RESTRICTED_REQUEST_HEADERS = frozenset({"content-type", "range"})
"""Those of them that only a few values make simple."""

FORBIDDEN_REQUEST_HEADERS = frozenset(
    [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ]
)
"""Names that a script cannot set: the browser leaves them out without a word ("forbidden request-header")."""

FORBIDDEN_REQUEST_PREFIXES = ("proxy-", "sec-")

SAFELISTED_RESPONSE_HEADERS = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
"""Names that a script may read of every shared response ("CORS-safelisted response-header name")."""

FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})
"""Names that no script ever reads ("forbidden response-header name")."""

NON_WILDCARD_REQUEST_HEADER = "authorization"
"""The one name that `*` in Access-Control-Allow-Headers does not stand for."""

MAX_AGE_CAPS = {"Firefox": 86_400, "Chromium": 7_200, "Safari": 600}
"""Seconds for which browsers remember the answer to a preflight at most, whatever Access-Control-Max-Age says."""

DEFAULT_MAX_AGE = 5
"""Seconds without Access-Control-Max-Age ("CORS-preflight fetch", step 7)."""


def is_token(text: str) -> bool:
    """Whether a text may be a method or a field name."""
    return TOKEN_TEXT.fullmatch(text) is not None


def normalise_method(method: str) -> str:
    """The method as the browser sends it: `put` becomes `PUT`, `patch` stays ("normalize a method")."""
    upper = method.upper()
    return upper if upper in NORMALISED_METHODS else method


def is_forbidden_method(method: str) -> bool:
    """Whether the browser refuses the call as such."""
    return method.upper() in FORBIDDEN_METHODS


def is_forbidden_request_header(name: str, value: str | None = None) -> bool:
    """Whether the browser leaves out this header when a script sets it."""
    name = name.lower()
    if name in METHOD_OVERRIDES:
        return any(is_forbidden_method(method.strip(" \t")) for method in (value or "").split(","))
    return name in FORBIDDEN_REQUEST_HEADERS or name.startswith(FORBIDDEN_REQUEST_PREFIXES)
