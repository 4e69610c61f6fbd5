"""Names of CORS response headers, and what a misspelt one was meant to be."""

from difflib import get_close_matches

CORS_NAMES = (
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-allow-private-network",
)
_REQUEST_PREFIX = "access-control-request-"
_CLOSE = 0.85
"""So near to a known name, a name is a slip."""


def meant_name(key: str) -> str:
    """The name that was meant by a header name in lower case; itself if it is no slip of a CORS header."""
    if key in CORS_NAMES or key.startswith(_REQUEST_PREFIX):
        return key
    if "control" not in key and "access" not in key:
        return key
    found = get_close_matches(key.replace("_", "-"), CORS_NAMES, n=1, cutoff=_CLOSE)
    return found[0] if found else key


def is_misspelt(key: str) -> bool:
    return meant_name(key) != key
