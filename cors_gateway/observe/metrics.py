"""Counters of the data path: plain integers on plain objects, so that counting costs next to nothing.

They become Prometheus samples only when somebody asks (`prometheus.py`). They belong to the process, not to a
snapshot: a reload goes on counting. No key is ever chosen by a client: methods outside the known set fold to `other`.
"""

from bisect import bisect_left

from cors_gateway.observe.refusals import Refusals
from cors_gateway.policy.reason import Kind, Outcome, Reason, outcome_of

DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds; one more bucket counts what is above."""
OVERHEAD_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"QUERY")
NO_ROUTE = "_none"
OK = "ok"
SERVER_ERROR = "server_error"
"""An upstream answered, with a 5xx."""


class Tally:
    """The counter of one CORS outcome on one route, to be held by whoever counts; it also names the outcome in logs."""

    __slots__ = ("count", "is_refusal", "kind", "outcome", "reason")

    def __init__(self, kind: str, reason: str, outcome: str) -> None:
        self.count = 0
        self.kind = kind
        self.reason = reason
        self.outcome = outcome
        """`granted`, `refused`, or `none` where CORS had no say."""
        self.is_refusal = outcome == Outcome.REFUSED


class Histogram:
    """Counts of durations per bucket (not cumulative) and their sum in seconds."""

    __slots__ = ("bounds", "counts", "first", "sum")

    def __init__(self, bounds: tuple[float, ...] = DURATION_BUCKETS) -> None:
        self.bounds = bounds
        self.first = bounds[0]
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        # Most durations are in the first bucket, and a comparison costs less than a search.
        self.counts[0 if seconds <= self.first else bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class RouteStats:
    """What happened on one route since the process began."""

    __slots__ = (
        *("causes", "decisions", "duration", "name", "other", "quiet_causes", "quiet_until", "requests"),
        "stripped",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        # Per method ten counters, indexed by the first digit of the status.
        self.requests: dict[bytes, list[int]] = {method: [0] * 10 for method in METHODS}
        self.other = [0] * 10
        self.decisions: dict[tuple[str, str], Tally] = {}
        """By (kind, reason), both from closed sets."""
        self.causes: dict[str, int] = {}
        """How often each cause (`trouble.py`) befell a request, by its word."""
        self.quiet_causes: dict[str, float] = {}
        """Monotonic seconds before which nobody is told of the same cause again."""
        self.duration = Histogram()
        self.stripped = 0
        """Access-Control fields of the backend that were removed."""
        self.quiet_until = 0.0
        """Monotonic seconds before which nobody is told again that they differ from the policy."""

    def decision(self, kind: str, reason: str, outcome: str) -> Tally:
        """The counter of one outcome, made when first asked for; kind and reason decide the outcome."""
        tally = self.decisions.get((kind, reason))
        if tally is None:
            tally = self.decisions[kind, reason] = Tally(kind, reason, outcome)
        return tally

    def count_answer(self, method: bytes, status: int) -> None:
        """Count one request that was answered without a backend, and took no time worth measuring."""
        self.requests.get(method, self.other)[status // 100] += 1

    def count(self, method: bytes, status: int, seconds: float) -> None:
        """Count one finished request that went to a backend, or should have."""
        self.requests.get(method, self.other)[status // 100] += 1
        self.duration.observe(seconds)

    def tally(self, kind: Kind, reason: Reason) -> Tally:
        """As `decision`, with the outcome that this comes to."""
        return self.decision(kind, reason, outcome_of(kind, reason))


class UpstreamStats:
    """What happened with one upstream, and how long it took to its response head, or to its failure.

    Outcomes are OK, SERVER_ERROR, and the words of `proxy.failure`.
    """

    __slots__ = ("name", "ok", "outcomes")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ok = Histogram()
        self.outcomes: dict[str, Histogram] = {OK: self.ok}

    def outcome(self, name: str) -> Histogram:
        """The durations of one outcome, made when first asked for."""
        return self.outcomes.setdefault(name, Histogram())


class Metrics:
    """All counters of one process."""

    __slots__ = (
        "access_log_dropped",
        "connections_refused",
        "connections_total",
        "http2_ends",
        "http2_requests",
        "overhead",
        "refusals",
        "routes",
        "undecided",
        "unrouted",
        "upstreams",
        "worker_deaths",
    )

    def __init__(self) -> None:
        self.routes: dict[str, RouteStats] = {}
        self.upstreams: dict[str, UpstreamStats] = {}
        self.unrouted = self.route(NO_ROUTE)
        self.undecided = Tally(Kind.NOT_CORS, Reason.NOT_CORS, Outcome.NONE)
        """Names what CORS came to where a request was refused before anybody asked; not counted."""
        self.connections_total = 0
        self.connections_refused = 0
        """Connections turned away because of `limits.connections`."""
        self.http2_requests = 0
        """Requests that came on streams of HTTP/2; all others came in HTTP/1."""
        self.http2_ends: dict[str, int] = {}
        """Connections that speak HTTP/2 and were ended for what their client did, by cause."""
        self.overhead = Histogram(OVERHEAD_BUCKETS)
        """How long requests were here before they went upstream."""
        self.access_log_dropped = 0
        self.worker_deaths = 0
        """Worker processes that ended when nobody had told them to."""
        self.refusals = Refusals()

    def route(self, name: str) -> RouteStats:
        return self.routes.setdefault(name, RouteStats(name))

    def upstream(self, name: str) -> UpstreamStats:
        return self.upstreams.setdefault(name, UpstreamStats(name))
