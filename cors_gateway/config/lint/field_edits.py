"""Rules for `request_headers` and `response_headers` of a route: which fields may be set and removed, and to what.

What the gateway decides about has one place in the configuration, and a finding names it. Values may be secrets: no
finding repeats one.
"""

import re
from collections.abc import Iterator
from typing import Literal

from cors_gateway.config.lint.finding import Finding, Path
from cors_gateway.config.lint.names import split_hint, words
from cors_gateway.config.models.route import HeadersSection
from cors_gateway.http1.grammar import has_only_value_bytes
from cors_gateway.policy.fetch import is_token
from cors_gateway.policy.quoting import shown

Direction = Literal["request_headers", "response_headers"]

MAX_VALUE = 8192
"""Bytes; few servers take a longer line."""

_POLICY_KEYS = {
    "access-control-allow-origin": "allow_origins",
    "access-control-allow-methods": "allow_methods",
    "access-control-allow-headers": "allow_headers",
    "access-control-expose-headers": "expose_headers",
    "access-control-allow-credentials": "allow_credentials",
    "access-control-max-age": "max_age",
    "access-control-allow-private-network": "allow_private_network",
}
_CORS = "access-control-"
_HOP_BY_HOP = words(
    "connection keep-alive proxy-connection upgrade te trailer http2-settings expect"
    " proxy-authenticate proxy-authorization proxy-authentication-info"
)
_FRAMING = words("content-length transfer-encoding")
_FORWARDING = words("forwarded via x-real-ip x-client-ip true-client-ip cf-connecting-ip x-request-id")
_FORWARDED = "x-forwarded-"
_WEBSOCKET = "sec-websocket-"
_PATH_OVERRIDES = words("x-original-url x-rewrite-url")
_VARIABLE = re.compile(r"\$[a-z][a-z0-9_]+")
_SECRET_NAME = re.compile(r"authorization|cookie|.*(?:key|token|secret|password|credential)s?")


def lint_fields(direction: Direction, section: HeadersSection) -> Iterator[Finding]:
    """Check one direction. Paths start at the route."""
    seen: dict[str, str] = {}
    for name, value in section.set.items():
        path: Path = (direction, "set", name)
        yield from _name_findings(direction, name, path)
        yield from _value_findings(direction, name, value, path)
        yield from _repeated(direction, name, seen, path)
    for index, name in enumerate(section.remove):
        path = (direction, "remove", index)
        yield from _name_findings(direction, name, path)
        yield from _repeated(direction, name, seen, path)


def is_secret_name(name: str) -> bool:
    """Tell whether a field of this name usually carries something that nobody else may know."""
    return _SECRET_NAME.fullmatch(name.lower()) is not None


def _name_findings(direction: Direction, name: str, path: Path) -> Iterator[Finding]:
    if not is_token(name):
        bare = name.strip().removesuffix(":")
        hint = split_hint(name) or (
            f"write {bare}" if is_token(bare) else "write one name, such as X-Api-Key"
        )
        yield Finding(
            "error", f"{direction}.invalid", f"{shown(name)} is not the name of a field", hint, path
        )
        return
    # Backends that take an underscore or a dot for a dash would read the name as the other one.
    refusal = _refusal(direction, re.sub("[_.]", "-", name.lower()))
    if refusal is not None:
        what, hint = refusal
        yield Finding("error", f"{direction}.forbidden", f"{shown(name)} {what}", hint, path)


def _refusal(direction: Direction, name: str) -> tuple[str, str] | None:
    """Why nobody but the gateway may write a field, and which key decides about it."""
    if name.startswith(_CORS):
        key = _POLICY_KEYS.get(name)
        hint = f"write {key} in the policy" if key else "the policy of the route decides about CORS"
        return "belongs to CORS, which the policy decides", hint
    if name == "origin":
        return (
            "decides what the answer may be",
            "forward_origin: strip in the policy keeps it from the backend",
        )
    if name == "vary":
        return (
            "is completed by the gateway; without it caches would mix up origins",
            "remove it: nothing is lost",
        )
    if name == "host":
        return "is written for each upstream", "write host on the upstream: preserve, upstream or a name"
    if name == "date":
        return "is written by whoever answers, and added by the gateway where it is missing", "remove it"
    if name in _FRAMING:
        return "says where a message ends", "remove it: the gateway writes it"
    if name in _HOP_BY_HOP or name.startswith(_WEBSOCKET):
        return "is about one connection and goes no further", "remove it: the gateway writes its own"
    if name in _FORWARDING or name.startswith(_FORWARDED):
        hint = "remove it; trusted_proxies of the server decides whom to believe"
        return "tells who the client is, which the gateway writes", hint
    if direction == "request_headers":
        if name in _PATH_OVERRIDES:
            return (
                "makes some backends serve another path than the one that was checked",
                "use replace_prefix",
            )
        if name == "proxy":
            return "becomes the variable HTTP_PROXY of CGI programs and never goes on", "remove it"
    return None


def _value_findings(direction: Direction, name: str, value: str, path: Path) -> Iterator[Finding]:
    code = f"{direction}.value"
    encoded = value.encode("utf-8", "surrogatepass")
    if not value:
        what, hint = f"the value of {shown(name)} is empty", f"write remove: [{name}] if nobody shall get it"
        yield Finding("error", code, what, hint, path)
    elif not has_only_value_bytes(encoded):
        what = f"the value of {shown(name)} has a line break or another control character"
        yield Finding("error", code, what, "write it on one line", path)
    elif value != value.strip(" \t"):
        yield Finding(
            "error", code, f"the value of {shown(name)} begins or ends with a blank", "remove it", path
        )
    elif len(encoded) > MAX_VALUE:
        what = f"the value of {shown(name)} has more than {MAX_VALUE} bytes, which few servers take"
        yield Finding("error", code, what, "shorten it", path)
    elif _VARIABLE.search(value) and not is_secret_name(name):
        what = f"the value of {shown(name)} goes out as it stands: there are no variables"
        yield Finding(
            "warning",
            code,
            what,
            "write the text that is meant, or ${NAME} for an environment variable",
            path,
        )


def _repeated(direction: Direction, name: str, seen: dict[str, str], path: Path) -> Iterator[Finding]:
    """Names are the same in any case. `seen` maps those that came before to the key they stand under."""
    here = str(path[1])
    earlier = seen.get(name.lower())
    if earlier is None:
        seen[name.lower()] = here
    elif earlier == here:
        what = f"{shown(name)} stands here twice"
        yield Finding("error", f"{direction}.duplicate", what, "keep one of them", path)
    else:
        what = f"{shown(name)} is set and removed"
        hint = "leave it out of remove: set replaces what came"
        yield Finding("error", f"{direction}.duplicate", what, hint, path)
