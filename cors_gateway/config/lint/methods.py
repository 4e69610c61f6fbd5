"""Rules for `allow_methods`.

What browsers do with a method before they send it decides what an entry can match: Fetch, "normalize a method" and
"forbidden method".
"""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.names import named_entries, nearest, split_hint, words
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.policy.fetch import (
    FORBIDDEN_METHODS,
    NORMALISED_METHODS,
    is_forbidden_method,
    is_token,
    normalise_method,
)
from cors_gateway.policy.quoting import shown

# The IANA registry of methods, and those that caches and UPnP devices made customary.
CUSTOMARY = words("""
    ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR
    MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND
    REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL
    BAN M-SEARCH NOTIFY PURGE SOURCE SUBSCRIBE UNSUBSCRIBE
    """)


def empty(policy: WrittenPolicy) -> Iterator[Finding]:
    """An explicit empty list looks closed, yet GET, HEAD and POST always pass."""
    if policy.allow_methods == ():
        yield Finding(
            "error",
            "allow_methods.empty",
            "an empty list does not forbid anything: browsers send GET, HEAD and POST without being granted them",
            "leave allow_methods out for the default, or list the methods that scripts use",
            ("allow_methods",),
        )


def invalid(policy: WrittenPolicy) -> Iterator[Finding]:
    """A method is one token."""
    for index, method in enumerate(policy.allow_methods or ()):
        if not is_token(method):
            yield Finding(
                "error",
                "allow_methods.invalid",
                f"{shown(method)} is not a method",
                split_hint(method)
                or 'a method is one word without spaces or separators, such as PUT; "*" is any',
                ("allow_methods", index),
            )


def forbidden(policy: WrittenPolicy) -> Iterator[Finding]:
    """No browser sends CONNECT, TRACE or TRACK for a script, in any letter case."""
    for index, method in named_entries(policy.allow_methods):
        if is_forbidden_method(method):
            yield Finding(
                "error",
                "allow_methods.forbidden",
                f"browsers refuse to send {shown(method)}, so it cannot be allowed",
                "remove it",
                ("allow_methods", index),
            )


def case(policy: WrittenPolicy) -> Iterator[Finding]:
    """Methods are case-sensitive, and browsers put only six of them in upper case: `patch` stays `patch`."""
    for index, method in named_entries(policy.allow_methods):
        upper = method.upper()
        if method != upper and upper not in NORMALISED_METHODS | FORBIDDEN_METHODS:
            yield Finding(
                "warning",
                "allow_methods.case",
                f"methods are case-sensitive: {shown(method)} does not cover {upper}",
                f"did you mean {upper}?",
                ("allow_methods", index),
            )


def unsupported_by_server(policy: WrittenPolicy) -> Iterator[Finding]:
    """Most servers know a fixed set of methods; another one passes the preflight and fails at the backend."""
    for index, method in named_entries(policy.allow_methods):
        if method == method.upper() and method not in CUSTOMARY | FORBIDDEN_METHODS:
            guess = nearest(method, CUSTOMARY)
            yield Finding(
                "warning",
                "allow_methods.unsupported_by_server",
                f"{shown(method)} is not a method that servers commonly know",
                f"did you mean {guess}?" if guess else "make sure that the backend accepts it",
                ("allow_methods", index),
            )


def options(policy: WrittenPolicy) -> Iterator[Finding]:
    """Preflights need no entry; OPTIONS is for scripts that send it themselves."""
    if "*" in (policy.allow_methods or ()):
        return
    for index, method in named_entries(policy.allow_methods):
        if normalise_method(method) == "OPTIONS":
            yield Finding(
                "warning",
                "allow_methods.options",
                "preflights are answered without this entry; it only matters to scripts that send OPTIONS themselves",
                "remove OPTIONS",
                ("allow_methods", index),
            )


def redundant(policy: WrittenPolicy) -> Iterator[Finding]:
    """An entry that repeats another, or that the star covers."""
    methods = policy.allow_methods or ()
    seen: set[str] = set()
    for index, method in enumerate(methods):
        if not is_token(method) or is_forbidden_method(method):
            continue
        name = normalise_method(method)
        if name in seen:
            problem = f"{shown(method)} is listed twice"
        elif name != "*" and "*" in methods:
            problem = f'"*" already covers {shown(method)}'
        else:
            seen.add(name)
            continue
        yield Finding("warning", "allow_methods.redundant", problem, "remove it", ("allow_methods", index))


def wildcard_credentials(policy: WrittenPolicy) -> Iterator[Finding]:
    """To a browser the star is the name of a method once credentials are included."""
    methods = policy.allow_methods or ()
    if policy.allow_credentials and "*" in methods:
        yield Finding(
            "warning",
            "allow_methods.wildcard_credentials",
            'with credentials "*" works only because the gateway repeats every method that is asked for',
            "list the methods that scripts use",
            ("allow_methods", methods.index("*")),
        )


RULES = (empty, invalid, forbidden, case, unsupported_by_server, options, redundant, wildcard_credentials)
