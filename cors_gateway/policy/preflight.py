"""The answers to preflights of one policy: which one, and its field lines as bytes.

Answers list everything the policy allows rather than echo what was asked, so that one preflight fills the browser's
cache; only where a star has no meaning for browsers (with credentials) are the asked, checked names sent back.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import NamedTuple

from cors_gateway.policy.decide import (
    MAX_HEADER_LIST,
    SAFELISTED_METHODS,
    asked_headers,
    asked_method,
    first_uncovered_header,
    is_method_covered,
)
from cors_gateway.policy.grant import origin_parts, vary_line
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.reason import Reason

REFUSED_STATUS = 403

_ALLOW_PRIVATE_NETWORK = b"Access-Control-Allow-Private-Network: true\r\n"


class PreflightDecision(NamedTuple):
    """What to answer to a preflight."""

    reason: Reason
    allowed: bool
    status: int
    """0 if only the backend knows (`cors: passthrough`)."""
    lines: bytes
    """Every field line of the answer, `Vary` included, except framing, `Date` and `Connection`."""
    detail: str = ""
    """The first refused method or header name."""
    entry: int | None = None
    """Index into `allow_origins` of the entry that decided."""
    forward: bool = False
    """The backend answers; the rest says what would have been decided."""


class Preflights:
    """Decides on preflights of one policy whose origin has been decided on."""

    __slots__ = (
        "_after_origin",
        "_before_origin",
        "_endings",
        "_headers",
        "_listed_headers",
        "_max_age",
        "_methods",
        "_policy",
        "_vary",
    )

    def __init__(self, policy: Policy, *, is_one_of_several: bool = False) -> None:
        self._policy = policy
        self._methods = tuple(method.encode("ascii") for method in policy.allow_methods)
        self._headers = tuple(name.encode("ascii") for name in policy.allow_headers)
        self._before_origin, self._after_origin = origin_parts(policy)
        self._max_age = b"" if policy.max_age is None else _line(b"Max-Age", b"%d" % policy.max_age)
        self._vary = vary_line(_vary_tokens(policy, is_one_of_several=is_one_of_several))
        self._listed_headers = frozenset(self._headers)
        self._endings = self._constant_endings()

    def diagnosing(self) -> "Preflights":
        """The answers of the same policy with `preflight_failure: diagnose`."""
        other = copy(self)
        other._policy = replace(self._policy, diagnose_preflight_failure=True)
        return other

    def decide(
        self,
        origin: bytes,
        standing: Reason,
        entry: int | None,
        method: Sequence[bytes],
        headers: Sequence[bytes],
        private_network: Sequence[bytes],
    ) -> PreflightDecision:
        """The first failing check names the reason: route, form of the request, origin, method, headers.

        `origin` is what Allow-Origin would say, `standing` and `entry` what was decided about it.
        """
        policy = self._policy
        if standing is Reason.ALLOWED and len(method) == 1 and not private_network:
            ending = self._endings.get(method[0])
            if ending is not None and self._are_listed(headers):
                return self._allow(origin, entry, ending)
        if policy.mode is Mode.PASSTHROUGH:
            return PreflightDecision(Reason.PASSTHROUGH, False, 0, b"", forward=True)
        if policy.mode is Mode.DISABLED:
            return self._refuse(Reason.CORS_DISABLED)
        asked, names = asked_method(method), asked_headers(headers)
        if asked is None or names is None:
            return self._refuse(Reason.REQUEST_MALFORMED)
        if standing is not Reason.ALLOWED:
            is_malformed = standing is Reason.ORIGIN_MALFORMED
            return self._refuse(standing if is_malformed else Reason.ORIGIN_NOT_ALLOWED)
        if not is_method_covered(policy, asked, self._methods):
            diagnosis = self._lists(b"", ())
            return self._refuse(Reason.METHOD_NOT_ALLOWED, asked, origin, entry, diagnosis)
        refused = first_uncovered_header(policy, names, self._headers)
        if refused is not None:
            diagnosis = self._lists(asked, ())
            return self._refuse(Reason.HEADER_NOT_ALLOWED, refused, origin, entry, diagnosis)
        ending = self._lists(asked, names) + self._max_age
        if policy.allow_private_network and tuple(private_network) == (b"true",):
            ending += _ALLOW_PRIVATE_NETWORK
        return self._allow(origin, entry, ending + self._vary)

    def _allow(self, origin: bytes, entry: int | None, ending: bytes) -> PreflightDecision:
        lines = b"".join((self._before_origin, origin, self._after_origin, ending))
        policy = self._policy
        return PreflightDecision(
            Reason.ALLOWED, True, policy.preflight_status, lines, entry=entry, forward=policy.report_only
        )

    def _refuse(
        self,
        reason: Reason,
        refused: bytes = b"",
        origin: bytes = b"",
        entry: int | None = None,
        diagnosis: bytes = b"",
    ) -> PreflightDecision:
        status, lines = REFUSED_STATUS, self._vary
        if refused and self._policy.diagnose_preflight_failure:
            # A 2xx that lacks the name lets the browser's console say which one; without Max-Age it is soon asked again.
            status = self._policy.preflight_status
            lines = b"".join((self._before_origin, origin, self._after_origin, diagnosis, self._vary))
        detail, forward = refused.decode("ascii"), self._policy.report_only
        return PreflightDecision(reason, False, status, lines, detail, entry, forward)

    def _constant_endings(self) -> dict[bytes, bytes]:
        """What follows the origin in the answer to each method, where that does not depend on what else is asked."""
        policy = self._policy
        is_echo = policy.allow_credentials and policy.any_header
        if policy.mode is not Mode.ENFORCE or is_echo:
            return {}
        methods = {*self._methods, *SAFELISTED_METHODS}
        return {method: self._lists(method, ()) + self._max_age + self._vary for method in methods}

    def _are_listed(self, headers: Sequence[bytes]) -> bool:
        """Whether all asked headers are listed, told at a glance from the form in which browsers ask."""
        if len(headers) != 1:
            return not headers
        line = headers[0]
        return len(line) <= MAX_HEADER_LIST and self._listed_headers.issuperset(line.split(b","))

    def _lists(self, asked: bytes, names: tuple[bytes, ...]) -> bytes:
        return _line(b"Allow-Methods", self._method_list(asked)) + _line(
            b"Allow-Headers", self._header_list(names)
        )

    def _method_list(self, asked: bytes) -> bytes:
        if self._policy.any_method:
            return asked if self._policy.allow_credentials else b"*"
        if not asked or asked in self._methods:
            return b",".join(self._methods)
        # A safelisted method: browsers do not look for it, but they only remember methods that are listed.
        return b",".join((*self._methods, asked))

    def _header_list(self, names: tuple[bytes, ...]) -> bytes:
        if not self._policy.any_header:
            return b",".join(self._headers)
        if self._policy.allow_credentials:
            return b",".join(names)
        return b"*,authorization" if b"authorization" in self._headers else b"*"


def _line(name: bytes, value: bytes) -> bytes:
    return b"Access-Control-" + name + b": " + value + b"\r\n" if value else b""


def _vary_tokens(policy: Policy, *, is_one_of_several: bool) -> tuple[bytes, ...]:
    is_constant = policy.constant_origin or (policy.any_origin and not is_one_of_several)
    tokens = [] if is_constant else [b"Origin"]
    tokens += [b"Access-Control-Request-Method", b"Access-Control-Request-Headers"]
    if policy.allow_private_network:
        tokens.append(b"Access-Control-Request-Private-Network")
    return tuple(tokens)
