"""A defect of an endpoint as a value, and the closed list of them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from cors_gateway.policy.reason import Reason
from cors_gateway.probe.question import Exchange

Severity = Literal["error", "warning"]


class Defect(StrEnum):
    """What can be wrong: first what lets strangers in, then what keeps the listed out, then what will bite later."""

    REFLECTS_ANY_ORIGIN = "reflects_any_origin"
    """Whoever asks is named in Access-Control-Allow-Origin."""
    LOOK_ALIKE_ALLOWED = "look_alike_allowed"
    """A page whose name only begins or ends like a listed one, or has a letter in place of its dot, is let in."""
    NULL_ALLOWED = "null_allowed"
    """`null` is let in: every site can ask under that origin, from a sandboxed frame."""
    INSECURE_ORIGIN_ALLOWED = "insecure_origin_allowed"
    """The listed host is let in over plain http too, where its pages can be replaced on the way."""
    LOCAL_ORIGIN_ALLOWED = "local_origin_allowed"
    """A page of the visitor's own machine is let in: an entry left from development."""
    GRANTED_UNEXPECTEDLY = "granted_unexpectedly"
    """The policy refuses what the endpoint grants."""
    NOT_GRANTED = "not_granted"
    """A listed page does not get what it ought to."""
    ORIGIN_STRIPPED = "origin_stripped"
    """A listed page is answered as if it had sent no Origin."""
    PREFLIGHT_NEEDS_LOGIN = "preflight_needs_login"
    """Preflights are answered 401 or 407; browsers send them without credentials."""
    PREFLIGHT_REDIRECTED = "preflight_redirected"
    """Preflights are redirected; browsers do not follow."""
    DOUBLE_HEADERS = "double_headers"
    """Access-Control-Allow-Origin or -Credentials is there twice, and counts as none."""
    ALLOW_ORIGIN_MALFORMED = "allow_origin_malformed"
    """Access-Control-Allow-Origin is nothing that any page's origin could equal."""
    STAR_WITH_CREDENTIALS = "star_with_credentials"
    """`*` together with credentials: browsers refuse it."""
    STAR_IN_LIST_WITH_CREDENTIALS = "star_in_list_with_credentials"
    """`*` in a list beside credentials: it is a name like any other there."""
    CREDENTIALS_MISSPELT = "credentials_misspelt"
    """Access-Control-Allow-Credentials is not exactly `true`."""
    METHOD_CASE = "method_case"
    """Access-Control-Allow-Methods lists a method in lower case, which matches none that browsers send."""
    ERRORS_WITHOUT_GRANT = "errors_without_grant"
    """Errors lack the grant that other answers carry: scripts cannot read what went wrong."""
    REQUEST_REDIRECTED = "request_redirected"
    """The request itself is redirected, to a login or another address."""
    VARY_ORIGIN_MISSING = "vary_origin_missing"
    """Answers depend on Origin and do not say so: a cache hands them to the wrong page."""
    CACHE_IGNORES_VARY = "cache_ignores_vary"
    """The answer to a page depends on who asked before it."""
    MAX_AGE_UNUSABLE = "max_age_unusable"
    """Access-Control-Max-Age is no number of seconds, or more than any browser keeps to."""
    NO_ANSWER = "no_answer"
    """A question got no answer although others did."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect, with what shows it."""

    defect: Defect
    severity: Severity
    message: str
    hint: str
    shown_by: Exchange
    reason: Reason | None
    """What the answer comes to, in the words of docs/decisions.md; None if there is none."""
    more: int = 0
    """Other questions that show the same."""
