"""Rules for `expose_headers`: the response headers that a script of an allowed origin may read."""

from collections.abc import Iterator

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.names import is_partial_star, named_entries, split_hint
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.policy.fetch import FORBIDDEN_RESPONSE_HEADERS, SAFELISTED_RESPONSE_HEADERS, is_token
from cors_gateway.policy.quoting import shown


def invalid(policy: WrittenPolicy) -> Iterator[Finding]:
    """A field name is one token; a star in it is text to browsers, and in no name that is in use."""
    for index, name in enumerate(policy.expose_headers or ()):
        if is_partial_star(name):
            what, hint = "is not a pattern", 'list each name; only "*" by itself stands for any'
        elif not is_token(name):
            what = "is not a header name"
            hint = split_hint(name) or 'a name is letters, digits and "-", such as X-Request-Id; "*" is any'
        else:
            continue
        yield Finding(
            "error", "expose_headers.invalid", f"{shown(name)} {what}", hint, ("expose_headers", index)
        )


def forbidden(policy: WrittenPolicy) -> Iterator[Finding]:
    """No script ever reads a cookie header (Fetch, "forbidden response-header name")."""
    for index, name in named_entries(policy.expose_headers):
        if name.lower() in FORBIDDEN_RESPONSE_HEADERS:
            yield Finding(
                "error",
                "expose_headers.forbidden",
                f"browsers never let a script read {shown(name)}",
                "remove it",
                ("expose_headers", index),
            )


def prohibited(policy: WrittenPolicy) -> Iterator[Finding]:
    """Request headers of the CORS protocol do not occur in responses."""
    for index, name in named_entries(policy.expose_headers):
        if _is_request_name(name.lower()):
            yield Finding(
                "error",
                "expose_headers.prohibited",
                f"{shown(name)} is a request header; no response has it",
                "remove it",
                ("expose_headers", index),
            )


def wildcard_credentials(policy: WrittenPolicy) -> Iterator[Finding]:
    """To a browser the star is the name of a header once credentials are included, so it exposes nothing."""
    names = policy.expose_headers or ()
    if policy.allow_credentials and "*" in names:
        yield Finding(
            "error",
            "expose_headers.wildcard_credentials",
            'with credentials browsers read "*" as a header of that name, so nothing would be exposed',
            "list the headers that scripts read, such as [X-Request-Id, ETag]",
            ("expose_headers", names.index("*")),
        )


def safelisted(policy: WrittenPolicy) -> Iterator[Finding]:
    """Seven headers can be read without being exposed."""
    for index, name in named_entries(policy.expose_headers):
        if name.lower() in SAFELISTED_RESPONSE_HEADERS and "*" not in (policy.expose_headers or ()):
            yield Finding(
                "warning",
                "expose_headers.safelisted",
                f"scripts can always read {shown(name)}",
                "remove it",
                ("expose_headers", index),
            )


def redundant(policy: WrittenPolicy) -> Iterator[Finding]:
    """An entry that the star covers (it does not cover Authorization), or that repeats another letter by letter."""
    names = policy.expose_headers or ()
    star = "*" in names and not policy.allow_credentials
    seen: set[str] = set()
    for index, name in enumerate(names):
        if (
            not is_token(name)
            or is_partial_star(name)
            or name.lower() in FORBIDDEN_RESPONSE_HEADERS
            or _is_request_name(name.lower())
        ):
            continue
        if name in seen:
            problem = f"{shown(name)} is listed twice"
        elif star and name.lower() not in ("*", "authorization"):
            problem = f'"*" already covers {shown(name)}'
        else:
            seen.add(name)
            continue
        yield Finding("warning", "expose_headers.redundant", problem, "remove it", ("expose_headers", index))


RULES = (invalid, forbidden, prohibited, wildcard_credentials, safelisted, redundant)


def _is_request_name(name: str) -> bool:
    return name == "origin" or name.startswith("access-control-request-")
