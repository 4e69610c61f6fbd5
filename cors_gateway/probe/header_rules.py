"""Header fields that say something else to a browser than to their author, whoever asks."""

import re
from collections.abc import Iterator

from cors_gateway.policy.fetch import MAX_AGE_CAPS, NORMALISED_METHODS, SAFELISTED_METHODS
from cors_gateway.policy.origin import parse_origin
from cors_gateway.policy.quoting import quoted
from cors_gateway.probe.finding import Defect, Finding
from cors_gateway.probe.judging import ALLOW_ORIGIN
from cors_gateway.probe.question import Kind
from cors_gateway.probe.visit import Judged

ALLOW_CREDENTIALS = "access-control-allow-credentials"
MAX_AGE = "access-control-max-age"
LONGEST_MAX_AGE = max(MAX_AGE_CAPS.values())
"""Seconds after which every browser asks again."""

_SECONDS = re.compile(r"-1|[0-9]+")
_LISTS = {
    "access-control-allow-methods": "Access-Control-Allow-Methods",
    "access-control-allow-headers": "Access-Control-Allow-Headers",
    "access-control-expose-headers": "Access-Control-Expose-Headers",
}
_ONE_WRITER = "let one place write CORS headers: the application, the proxy or the gateway"


def headers(each: Judged) -> Iterator[Finding]:
    """Everything that is wrong with one answer's CORS fields."""
    yield from _allow_origin(each)
    yield from _credentials(each)
    if each.question.kind is Kind.PREFLIGHT:
        yield from _preflight_status(each)
        if 200 <= each.answer.status <= 299:
            yield from _methods(each)
            yield from _max_age(each)


def _allow_origin(each: Judged) -> Iterator[Finding]:
    values = each.answer.values(ALLOW_ORIGIN)
    if not values:
        return
    value = ", ".join(values)
    if len(values) > 1 or "," in value:
        message = f"Access-Control-Allow-Origin is {quoted(value)} to browsers, which matches no page"
        yield each.finding(Defect.DOUBLE_HEADERS, message, _ONE_WRITER)
    elif value not in ("*", "null") and parse_origin(value.encode("ascii", "replace")) is None:
        message = (
            f"Access-Control-Allow-Origin is {quoted(value)}, which equals no origin that a browser sends"
        )
        hint = 'write one origin, such as "https://app.example.com", without path or pattern'
        yield each.finding(Defect.ALLOW_ORIGIN_MALFORMED, message, hint)


def _credentials(each: Judged) -> Iterator[Finding]:
    values = each.answer.values(ALLOW_CREDENTIALS)
    if not values or each.question.request.origin is None:
        return
    value = ", ".join(values)
    if len(values) > 1 or "," in value:
        message = f"Access-Control-Allow-Credentials is {quoted(value)} to browsers, which is not true"
        yield each.finding(Defect.DOUBLE_HEADERS, message, _ONE_WRITER)
    elif value not in ("true", "false"):
        message = f"Access-Control-Allow-Credentials is {quoted(value)}; browsers want exactly true"
        yield each.finding(Defect.CREDENTIALS_MISSPELT, message, "write true in lower case")
    elif value == "true" and each.answer.values(ALLOW_ORIGIN) == ["*"]:
        message = (
            'Access-Control-Allow-Origin "*" never counts for a request with cookies, whatever else is said'
        )
        hint = "name the origin of the page, if it is listed; or leave out Access-Control-Allow-Credentials"
        yield each.finding(Defect.STAR_WITH_CREDENTIALS, message, hint)
    elif value == "true":
        yield from _stars(each)


def _stars(each: Judged) -> Iterator[Finding]:
    for field, shown in _LISTS.items():
        if "*" in each.answer.names(field):
            message = f'{shown} holds "*" beside credentials, where it is a name like any other'
            yield each.finding(Defect.STAR_IN_LIST_WITH_CREDENTIALS, message, "write the names", "warning")


def _preflight_status(each: Judged) -> Iterator[Finding]:
    status = each.answer.status
    if status in (401, 407):
        message = f"the {each.question} is answered {status}: browsers send preflights without any login"
        hint = "answer preflights before anybody looks for credentials"
        yield each.finding(Defect.PREFLIGHT_NEEDS_LOGIN, message, hint)
    elif each.answer.is_redirect:
        target = ", ".join(each.answer.values("location"))
        message = f"the {each.question} is redirected ({status}) to {quoted(target)}: browsers follow no redirect of a preflight"
        hint = "answer preflights before logins and redirects; let scripts call the address that does not redirect"
        yield each.finding(Defect.PREFLIGHT_REDIRECTED, message, hint)


def _methods(each: Judged) -> Iterator[Finding]:
    for name in each.answer.names("access-control-allow-methods"):
        upper = name.upper()
        if name != upper and upper in NORMALISED_METHODS.difference(SAFELISTED_METHODS):
            message = (
                f"Access-Control-Allow-Methods lists {name}; browsers ask for {upper}, and compare with case"
            )
            yield each.finding(Defect.METHOD_CASE, message, f"write {upper}")
            return


def _max_age(each: Judged) -> Iterator[Finding]:
    values = each.answer.values(MAX_AGE)
    if not values:
        return
    value = ", ".join(values)
    if not _SECONDS.fullmatch(value):
        message = (
            f"Access-Control-Max-Age is {quoted(value)}: no number of seconds, so browsers take their default"
        )
        yield each.finding(Defect.MAX_AGE_UNUSABLE, message, "write seconds, such as 600", "warning")
    elif int(value[:20]) > LONGEST_MAX_AGE:
        message = f"Access-Control-Max-Age is {value} s; no browser remembers for more than a day"
        yield each.finding(Defect.MAX_AGE_UNUSABLE, message, f"write at most {LONGEST_MAX_AGE}", "warning")
