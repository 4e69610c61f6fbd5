"""CORS as an HTTPRoute says it: by the CORS filter of the Gateway API, or by header filters that were used before there was one.

A star among the origins, together with credentials, makes implementations repeat whatever origin asks; stars for methods and
headers likewise. A star inside a host stands for any number of labels. A preflight is kept for five seconds by default.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cors_gateway.config.lint.request_headers import forbidden, prohibited
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.findings import shared
from cors_gateway.migrate.nginx.origins import OriginEntry, Reading, read_expression, read_value
from cors_gateway.migrate.outcome import Finding, Origin, Policy
from cors_gateway.migrate.policies import MAX_AGE, capped, header_names, method_names, sound, tokens

DEFAULT_MAX_AGE = 5
_ANY_HOST = re.compile(r"[a-z][a-z0-9+.-]*://\*(?::[0-9]+)?", re.IGNORECASE)
_BELOW = re.compile(r"[a-z][a-z0-9+.-]*://\*\.[^*]+", re.IGNORECASE)
_ANY_NAME = "[A-Za-z0-9.-]+"
_PREFIX = "access-control-"


@dataclass(frozen=True, slots=True)
class Granted:
    """What is granted; no policy where nobody is left."""

    policy: Policy | None
    findings: tuple[Finding, ...]


def policy_of_filter(cors: Node) -> Granted:
    """Read the `cors:` of a filter."""
    findings: list[Finding] = []
    has_credentials = cors.text("allowCredentials").lower() == "true"
    values = cors.items("allowOrigins")
    at = cors.at("allowOrigins") or cors
    is_open = any(_text(one) == "*" or _ANY_HOST.fullmatch(_text(one)) for one in values)
    comments: tuple[str, ...] = ()
    if is_open:
        code = "reflects_any_with_credentials" if has_credentials else ""
        findings += [shared(code, at)] if code else []
        comments = _open_comment() if has_credentials else _star_comment(values)
        origins: tuple[Origin, ...] = (Origin("*"),)
    else:
        entries = [entry for one in values for entry in _entries(one, findings)]
        kept = [one for one in entries if not (has_credentials and (one.is_insecure or one.is_public))]
        findings += _dangerous(entries, at) if has_credentials else []
        comments = tuple(_left_out(entries, kept))
        origins = tuple(Origin(one.text, one.is_regex) for one in dict.fromkeys(kept))
    names = [_text(one) for one in cors.items("allowHeaders")]
    findings += _useless_names(names, cors.at("allowHeaders") or cors)
    age = cors.text("maxAge", default=str(DEFAULT_MAX_AGE))
    seconds = int(age) if age.isdecimal() else DEFAULT_MAX_AGE
    if seconds > MAX_AGE:
        findings.append(shared("max_age_too_long", cors.at("maxAge") or cors, value=str(seconds)))
    exposed = tokens(_text(one) for one in cors.items("exposeHeaders"))
    if has_credentials and "*" in exposed:
        findings.append(
            shared("star_list_with_credentials", cors.at("exposeHeaders") or cors, name="exposeHeaders")
        )
    policy = Policy(
        allow_origins=origins,
        allow_methods=method_names(_text(one) for one in cors.items("allowMethods")),
        allow_headers=header_names(names, repeats_any=has_credentials and not is_open and "*" in names),
        expose_headers=exposed or None,
        allow_credentials=has_credentials and not is_open,
        max_age=capped(seconds),
        comments=comments,
    )
    return Granted(sound(policy) if origins else None, tuple(findings))


def policy_of_headers(fields: Mapping[str, tuple[str, Node]]) -> Granted:
    """What constant response headers grant; keys are names in lower case."""
    findings: list[Finding] = []
    value, at = fields[f"{_PREFIX}allow-origin"]
    has_credentials = fields.get(f"{_PREFIX}allow-credentials", ("", at))[0] == "true"
    texts = [text for text in re.split(r"[\s,]+", value) if text]
    origins: tuple[Origin, ...]
    comments: tuple[str, ...] = ()
    if "*" in texts:
        origins, has_credentials_here = (Origin("*"),), False
        if has_credentials:
            findings.append(shared("wildcard_with_credentials", fields[f"{_PREFIX}allow-credentials"][1]))
            comments = ('credentials left out: browsers refuse them next to "*", so they never worked',)
    else:
        if len(texts) > 1:
            findings.append(shared("comma_list", at, value=value))
        readings = [read_value(text) for text in texts]
        findings += [shared(code, at, value=value) for one in readings for code in sorted(one.faults)]
        entries = [entry for one in readings for entry in one.entries]
        kept = [one for one in entries if not (has_credentials and (one.is_insecure or one.is_public))]
        findings += _dangerous(entries, at) if has_credentials else []
        comments = tuple(_left_out(entries, kept))
        origins, has_credentials_here = tuple(Origin(one.text, one.is_regex) for one in kept), has_credentials
    if {f"{_PREFIX}allow-methods", f"{_PREFIX}allow-headers"} & fields.keys():
        findings.append(shared("preflight_not_answered", at))
    age = fields.get(f"{_PREFIX}max-age", ("", at))[0]
    policy = Policy(
        allow_origins=origins,
        allow_methods=method_names([fields.get(f"{_PREFIX}allow-methods", ("", at))[0]]),
        allow_headers=header_names([fields.get(f"{_PREFIX}allow-headers", ("", at))[0]]),
        expose_headers=tokens([fields.get(f"{_PREFIX}expose-headers", ("", at))[0]]) or None,
        allow_credentials=has_credentials_here,
        max_age=capped(int(age)) if age.isdecimal() else None,
        comments=comments,
    )
    return Granted(sound(policy) if origins else None, tuple(findings))


def _entries(one: Node, findings: list[Finding]) -> tuple[OriginEntry, ...]:
    text = _text(one)
    reading = _reading(text)
    findings += [shared(code, one, value=text) for code in sorted(reading.faults)]
    if text in {"", "null"}:
        return ()
    return reading.entries


def _reading(text: str) -> Reading:
    if "*" not in text:
        return read_value(text)
    if _BELOW.fullmatch(text):
        # The value reader calls a star a mistake of nginx; here it means what it says.
        return replace(read_value(text), faults=frozenset())
    return read_expression(f"^{re.escape(text).replace(chr(92) + '*', _ANY_NAME)}$", ignore_case=True)


def _dangerous(entries: list[OriginEntry], at: Node) -> Iterator[Finding]:
    if any(one.is_insecure for one in entries):
        yield shared("insecure_origin_with_credentials", at)
    if any(one.is_public and not one.is_insecure for one in entries):
        yield shared("public_suffix_origin", at)


def _left_out(entries: list[OriginEntry], kept: list[OriginEntry]) -> Iterator[str]:
    gone = [one.text for one in entries if one not in kept]
    if gone:
        more = " …" if len(gone) > 3 else ""
        yield f"left out, as credentials are allowed: {', '.join(gone[:3])}{more}"


def _open_comment() -> tuple[str, ...]:
    return (
        "every site could read with the cookies of its visitors. Which ones were meant is not known, so",
        "everybody may read without them; list your front ends and set allow_credentials: true to give cookies back",
    )


def _star_comment(values: Sequence[Node]) -> tuple[str, ...]:
    """Whoever can have a page of one scheme can have one of another."""
    written = [_text(one) for one in values if _ANY_HOST.fullmatch(_text(one))]
    return (f"{', '.join(written)} is everybody: written as a star",) if written else ()


def _useless_names(names: list[str], at: Node) -> Iterator[Finding]:
    asked = WrittenPolicy(allow_headers=tokens(names))
    found = [
        asked.allow_headers[int(one.path[1])]
        for rule in (forbidden, prohibited)
        for one in rule(asked)
        if asked.allow_headers
    ]
    if found:
        yield shared("allow_headers_forbidden_name", at, names=", ".join(found))


def _text(one: Node) -> str:
    return one.value.strip() if isinstance(one.value, str) else ""
