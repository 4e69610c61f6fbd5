"""Rules for `allow_headers`: the request headers that a script of an allowed origin may set.

The names that browsers keep to themselves are those of Fetch, "forbidden request-header".
"""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.names import is_partial_star, named_entries, split_hint, words
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.http1.request_fields import imitates_protected, is_dropped, is_forwarding
from cors_gateway.policy.fetch import (
    METHOD_OVERRIDES,
    RESTRICTED_REQUEST_HEADERS,
    SAFELISTED_REQUEST_HEADERS,
    is_forbidden_request_header,
    is_token,
)
from cors_gateway.policy.quoting import shown

_REQUEST_ID = b"x-request-id"
_RESPONSE_NAMES = words("""
    content-security-policy content-security-policy-report-only cross-origin-embedder-policy
    cross-origin-opener-policy cross-origin-resource-policy server set-cookie2 strict-transport-security
    timing-allow-origin vary www-authenticate x-content-type-options x-frame-options
    """)
# Content-Type is safelisted for three values only; JSON needs it listed.
_SAFELISTED = SAFELISTED_REQUEST_HEADERS - RESTRICTED_REQUEST_HEADERS
_HINTS = {
    "cookie": "remove it; allow_credentials decides about cookies",
    "set-cookie": "remove it; allow_credentials decides about cookies",
    "origin": "remove it; browsers set Origin themselves, and allow_origins decides about it",
}


def invalid(policy: WrittenPolicy) -> Iterator[Finding]:
    """A field name is one token; a star in it is text to browsers, and in no name that is in use."""
    for index, name in enumerate(policy.allow_headers or ()):
        if is_partial_star(name):
            what, hint = "is not a pattern", 'list each name; only "*" by itself stands for any'
        elif not is_token(name):
            what = "is not a header name"
            hint = split_hint(name) or 'a name is letters, digits and "-", such as Content-Type; "*" is any'
        else:
            continue
        yield Finding(
            "error", "allow_headers.invalid", f"{shown(name)} {what}", hint, ("allow_headers", index)
        )


def forbidden(policy: WrittenPolicy) -> Iterator[Finding]:
    """Scripts cannot set these, so an entry has no effect."""
    for index, name in named_entries(policy.allow_headers):
        if _is_forbidden(name.lower()):
            yield Finding(
                "error",
                "allow_headers.forbidden",
                f"browsers never let a script set {shown(name)}, so it cannot be asked for",
                _HINTS.get(name.lower(), "remove it"),
                ("allow_headers", index),
            )


def misplaced(policy: WrittenPolicy) -> Iterator[Finding]:
    """Some front ends set headers of the CORS protocol on requests, and not all of them can be changed.

    Granting the name gives a script nothing; refusing it would drive operators to the star.
    """
    for index, name in named_entries(policy.allow_headers):
        if _is_cors_response_name(name.lower()):
            yield Finding(
                "warning",
                "allow_headers.prohibited",
                f"{shown(name)} is a response header: a script that sets it does so by mistake",
                "remove it from the script, then here; without it preflights of that script fail",
                ("allow_headers", index),
            )


def prohibited(policy: WrittenPolicy) -> Iterator[Finding]:
    """Other response headers in this list are mistaken for `expose_headers`."""
    for index, name in named_entries(policy.allow_headers):
        if _is_response_name(name.lower()):
            yield Finding(
                "error",
                "allow_headers.prohibited",
                f"{shown(name)} is a response header; no request needs it",
                "remove it here, and from the script that sets it",
                ("allow_headers", index),
            )


def undeliverable(policy: WrittenPolicy) -> Iterator[Finding]:
    """What is granted has to arrive, and these do not: a backend would take them for what a proxy says."""
    for index, name in named_entries(policy.allow_headers):
        lower = name.lower().encode("ascii", "replace")
        if not is_token(name) or _is_forbidden(name.lower()) or lower == _REQUEST_ID:
            continue
        if imitates_protected(lower):
            problem = (
                f"a backend may take {shown(name)} for a protected header, so requests with it are refused"
            )
        elif is_forwarding(lower):
            problem = f"{shown(name)} says who the client is, so it is not taken from a script"
        elif is_dropped(lower):
            problem = f"{shown(name)} does not go on to the backend, whoever sends it"
        else:
            continue
        hint = "remove it, and have scripts send the value under a name of their own"
        yield Finding("error", "allow_headers.undeliverable", problem, hint, ("allow_headers", index))


def request_id(policy: WrittenPolicy) -> Iterator[Finding]:
    """It arrives, but with another value, which surprises whoever looks for it in the backend's log."""
    for index, name in named_entries(policy.allow_headers):
        if name.lower().encode("ascii", "replace") == _REQUEST_ID:
            yield Finding(
                "warning",
                "allow_headers.request_id",
                f"{shown(name)} reaches the backend with the gateway's own value, not the script's",
                "have scripts send theirs under another name, such as X-Correlation-Id",
                ("allow_headers", index),
            )


def underscore(policy: WrittenPolicy) -> Iterator[Finding]:
    """To many a backend the two spellings are one name, so a script could write over the other."""
    for index, name in named_entries(policy.allow_headers):
        lower = name.lower()
        if (
            "_" in name
            and is_token(name)
            and not _is_forbidden(lower)
            and not imitates_protected(lower.encode())
        ):
            yield Finding(
                "warning",
                "allow_headers.underscore",
                f"{shown(name)} goes on to the backend on the routes of this policy, and many a backend does not tell it"
                f" from {shown(name.replace('_', '-'))}",
                f"write {name.replace('_', '-')}, here and in the scripts that send it",
                ("allow_headers", index),
            )


def method_override(policy: WrittenPolicy) -> Iterator[Finding]:
    """Frameworks that honour these run another method than the one that was granted."""
    for index, name in named_entries(policy.allow_headers):
        if name.lower() in METHOD_OVERRIDES:
            yield Finding(
                "warning",
                "allow_headers.method_override",
                f"{shown(name)} lets a granted POST act as a method that is not in allow_methods",
                "remove it, or make sure that the backend ignores it",
                ("allow_headers", index),
            )


def safelisted(policy: WrittenPolicy) -> Iterator[Finding]:
    """Browsers send these without asking, unless the value is long or has unusual bytes."""
    for index, name in named_entries(policy.allow_headers):
        if name.lower() in _SAFELISTED and "*" not in (policy.allow_headers or ()):
            yield Finding(
                "warning",
                "allow_headers.safelisted",
                f"{shown(name)} needs no entry unless its value is over 128 bytes or has unusual characters",
                "remove it",
                ("allow_headers", index),
            )


def redundant(policy: WrittenPolicy) -> Iterator[Finding]:
    """An entry that the star covers, or that repeats another letter by letter.

    The same name in another letter case is folded into one without a word.
    """
    names = policy.allow_headers or ()
    seen: set[str] = set()
    for index, name in enumerate(names):
        if (
            not is_token(name)
            or is_partial_star(name)
            or _is_forbidden(name.lower())
            or _is_response_name(name.lower())
        ):
            continue
        if name in seen:
            problem = f"{shown(name)} is listed twice"
        elif "*" in names and name.lower() not in ("*", "authorization"):
            problem = f'"*" already covers {shown(name)}'
        else:
            seen.add(name)
            continue
        yield Finding("warning", "allow_headers.redundant", problem, "remove it", ("allow_headers", index))


def wildcard_credentials(policy: WrittenPolicy) -> Iterator[Finding]:
    """To a browser the star is the name of a header once credentials are included."""
    names = policy.allow_headers or ()
    if policy.allow_credentials and "*" in names:
        yield Finding(
            "warning",
            "allow_headers.wildcard_credentials",
            'with credentials "*" works only because the gateway repeats every name that is asked for',
            "list the headers that scripts set",
            ("allow_headers", names.index("*")),
        )


def wildcard_no_authorization(policy: WrittenPolicy) -> Iterator[Finding]:
    """The star does not stand for Authorization (Fetch, "CORS non-wildcard request-header name")."""
    names = policy.allow_headers or ()
    if policy.allow_credentials or "*" not in names or "authorization" in map(str.lower, names):
        return
    yield Finding(
        "warning",
        "allow_headers.wildcard_no_authorization",
        '"*" does not cover Authorization, so requests with a bearer token will fail',
        'write ["*", Authorization] if scripts send tokens, or list the headers',
        ("allow_headers", names.index("*")),
    )


RULES = (
    invalid,
    forbidden,
    misplaced,
    prohibited,
    undeliverable,
    request_id,
    underscore,
    method_override,
    safelisted,
    redundant,
    wildcard_credentials,
    wildcard_no_authorization,
)


def _is_forbidden(name: str) -> bool:
    # Browsers forbid three of these names; all of them are the protocol's own.
    return is_forbidden_request_header(name) or name.startswith("access-control-request-")


def _is_cors_response_name(name: str) -> bool:
    return name.startswith("access-control-") and not name.startswith("access-control-request-")


def _is_response_name(name: str) -> bool:
    return name in _RESPONSE_NAMES
