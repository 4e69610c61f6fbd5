"""Authentication that belongs to a connection: whoever comes next on the same one is taken for who logged in.

RFC 4559 6 says so of Negotiate; NTLM, and Kerberos under its own name, work alike, in breach of RFC 9110 11. Only what
goes end to end matters: Proxy-Authorization and Proxy-Authenticate end at the gateway, so they log in nobody behind it.
"""

import re

CONNECTION_SCHEMES = frozenset({b"ntlm", b"negotiate", b"kerberos"})

_SCHEME = re.compile(rb"[^ \t,]*")


def scheme_of(credentials: bytes) -> bytes:
    """The scheme of an Authorization field, or of one challenge, as written; empty if there is none."""
    return _SCHEME.match(credentials)[0]  # type: ignore[index]  # it matches nothing, too


def logs_in_connection(credentials: bytes) -> bool:
    """Whether an Authorization field is of such a scheme."""
    return scheme_of(credentials).lower() in CONNECTION_SCHEMES


def offers_connection_login(challenges: bytes) -> bool:
    """Whether a WWW-Authenticate field, which may be a list, offers such a scheme.

    A comma in a quoted string is taken for one between challenges: that may find one too many, never one too few.
    """
    return any(logs_in_connection(element.lstrip(b" \t")) for element in challenges.split(b","))
