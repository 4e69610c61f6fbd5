"""What has to be written into a policy so that it lets a request through.

Found by trying: what the first refusal asks for is added, the request is judged again, and so on until it passes. The
rules of `check` then judge the changed policy. How the edits are told is in `remedy_sentences.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.policy_conversion import policy_of
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Explanation
from cors_gateway.explain.judgement import enforced, judge
from cors_gateway.policy.pattern import parse_pattern
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.policy.schemes import scheme_entry
from cors_gateway.snapshot import Route

FLAGS = {
    "allow_origins.insecure_credentials": "dangerously_allow_insecure_origins",
    "allow_origins.public_suffix": "dangerously_allow_public_suffix",
}
"""What makes a warning of an error, by the error's code."""

_LISTS = frozenset({"allow_origins", "allow_methods", "allow_headers", "public_origins"})
_OTHER_NEEDS = 8
"""Rounds that anything but the request's headers can take."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One value for one key of a policy."""

    action: Literal["add", "set", "replace"]
    key: str
    value: str


class BlockedError(Exception):
    """No configuration allows it; the text says why."""


def needed_edits(request: Request, route: Route, written: WrittenPolicy) -> tuple[list[Edit], WrittenPolicy]:
    """What has to be written into a policy of the route, and the policy with it. Raises BlockedError."""
    edits: list[Edit] = []
    for _ in range(len(request.headers) + _OTHER_NEEDS):
        policy = policy_of(written)
        attempt = judge(request, replace(route, policy=policy, origin_locations=()), enforced(policy))
        if attempt.is_allowed:
            return edits, written
        edit = _edit(attempt, policy)
        edits.append(edit)
        written = _applied(edit, written)
    raise BlockedError("it asks for too much at once")


def _edit(attempt: Explanation, policy: Policy) -> Edit:
    """What the first refusal asks for."""
    request = attempt.request
    origin = request.origin or ""
    detail = "".join(exchange.detail for exchange in attempt.exchanges)
    match attempt.reason:
        case Reason.ORIGIN_MALFORMED:
            raise BlockedError("no entry of allow_origins matches what no browser sends")
        case Reason.ORIGIN_NOT_ALLOWED if not attempt.is_cross_origin:
            return Edit("add", "public_origins", origin)
        case Reason.ORIGIN_NOT_ALLOWED | Reason.SAME_ORIGIN:
            return _allow_origin("add", origin)
        case Reason.METHOD_NOT_ALLOWED:
            return Edit("add", "allow_methods", detail)
        case Reason.HEADER_NOT_ALLOWED:
            as_typed = {name.lower(): name for name, _ in request.headers}
            return Edit("add", "allow_headers", as_typed.get(detail, detail))
        case Reason.ALLOWED if policy.expose_any:
            raise BlockedError(
                '"*" and credentials exclude each other: list the origins and the exposed headers first'
            )
        case Reason.ALLOWED if policy.any_origin:
            return _allow_origin("replace", origin)
        case Reason.ALLOWED:
            return Edit("set", "allow_credentials", "true")
        case _:
            raise BlockedError("let the script set fewer headers, or shorter names")


def _allow_origin(action: Literal["add", "replace"], origin: str) -> Edit:
    if origin == "null":
        return Edit("set", "dangerously_allow_null_origin", "true")
    pattern = parse_pattern(origin)
    if isinstance(pattern, PatternFault):
        raise BlockedError(f"{pattern.message}; {pattern.hint}")
    # The host of an extension may be another one in every browser that has it.
    return Edit(action, "allow_origins", scheme_entry(pattern.scheme) or origin)


def _applied(edit: Edit, written: WrittenPolicy) -> WrittenPolicy:
    value: Any = True
    if edit.key in _LISTS:
        kept = () if edit.action == "replace" else getattr(written, edit.key) or ()
        value = (*kept, edit.value)
    return replace(written, **{edit.key: value})


def verdict_of_check(known: Sequence[Finding], written: WrittenPolicy) -> tuple[list[str], list[str]]:
    """The flags without which `check` would refuse the policy, and what it newly has to say about it.

    `known` is what it said before. Raises BlockedError for what no flag permits.
    """
    said = set(known)
    fresh = [finding for finding in lint_policy(written) if finding not in said]
    errors = [finding for finding in fresh if finding.severity == "error"]
    for finding in errors:
        if finding.code not in FLAGS:
            raise BlockedError(spoken(finding))
    return list(dict.fromkeys(FLAGS[finding.code] for finding in errors)), [spoken(each) for each in fresh]


def spoken(finding: Finding) -> str:
    """What `check` would say, in one sentence."""
    return f"{finding.message}; {finding.hint}" if finding.hint else finding.message
