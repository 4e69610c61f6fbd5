"""The closed vocabulary of outcomes.

One word per outcome, the same in `explain`, the access log, metrics, problem documents and `docs/decisions.md`.
Nothing here decides; the deciding is in `decide.py`.
"""

from enum import StrEnum


class Kind(StrEnum):
    """What a request is to the CORS protocol (Fetch, "HTTP requests")."""

    NOT_CORS = "not_cors"
    PREFLIGHT = "preflight"
    ACTUAL = "actual"
    WEBSOCKET = "websocket"


class Outcome(StrEnum):
    """What a reason comes to, for logs and metrics."""

    GRANTED = "granted"
    REFUSED = "refused"
    NONE = "none"
    """CORS had no say: no origin, the own origin, or the backend's business."""


class Reason(StrEnum):
    """Why a request got the CORS answer it got. The first failing check names the reason."""

    NOT_CORS = "not_cors"
    """No `Origin`: nothing to grant."""
    ALLOWED = "allowed"
    """The policy shares the response with this origin."""
    SAME_ORIGIN = "same_origin"
    """One of the gateway's own `public_origins`, or `Sec-Fetch-Site: same-origin`: passes `reject`, needs no grant."""
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    """A well-formed `Origin` that no entry of `allow_origins` covers."""
    ORIGIN_MALFORMED = "origin_malformed"
    """`Origin` is repeated, empty, too long or not a serialised origin."""
    METHOD_NOT_ALLOWED = "method_not_allowed"
    """A preflight asks for a method that `allow_methods` does not cover."""
    HEADER_NOT_ALLOWED = "header_not_allowed"
    """A preflight asks for a header that `allow_headers` does not cover."""
    REQUEST_MALFORMED = "request_malformed"
    """`Access-Control-Request-Method` or `-Headers` is repeated, not a token, or over its limits."""
    CORS_DISABLED = "cors_disabled"
    """The route says `cors: disabled`: no origin is allowed."""
    PASSTHROUGH = "passthrough"
    """The route says `cors: passthrough`: the gateway leaves CORS to the backend."""
    NO_ROUTE = "no_route"
    """No route serves this host, path and method: there is no policy that could grant anything."""

    @property
    def outcome(self) -> Outcome:
        if self is Reason.ALLOWED:
            return Outcome.GRANTED
        is_neutral = self in {Reason.NOT_CORS, Reason.SAME_ORIGIN, Reason.PASSTHROUGH}
        return Outcome.NONE if is_neutral else Outcome.REFUSED


def outcome_of(kind: Kind, reason: Reason) -> Outcome:
    """What a reason comes to for a request of that kind: who has no origin is refused nothing."""
    return Outcome.NONE if kind is Kind.NOT_CORS else reason.outcome
