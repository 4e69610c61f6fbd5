"""A process to show to the operators' interface: real values, and nothing behind them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cors_gateway.config.load import load
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.observe.figures import GatewayFigures, ServerFigures, WorkerFigures
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.policy.difference import PolicyDifference, Statement
from cors_gateway.server.changes import Changes, RouteChange
from cors_gateway.server.diagnoses import Diagnoses
from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.process_status import ProcessStatus
from cors_gateway.server.reload import Outcome, ReloadCounts, ReloadResult
from cors_gateway.server.subscriptions import Subscriptions
from cors_gateway.snapshot import Admin, Snapshot, TcpListener

ORIGIN = "https://app.example.com"
TOKEN = "correct-horse-battery"

CONFIGURATION = f"""\
version: 1
server: {{listen: ["127.0.0.1:8080"], access_log: off}}
admin: {{token: "{TOKEN}"}}
upstreams:
  backend: {{servers: ["http://127.0.0.1:9001", "http://127.0.0.1:9002"], health_check: {{path: /}}}}
policies:
  app: {{allow_origins: ["{ORIGIN}"], allow_methods: [GET, PUT], allow_credentials: true}}
routes:
  - {{name: api, path: /api/, upstream: backend, cors: app}}
  - {{name: site, path: /, host: www.example.com, upstream: "http://127.0.0.1:9003", cors: disabled}}
"""

WARNING = Problem(
    severity=Severity.WARNING,
    code="allow_origins.null",
    message="null is allowed",
    hint="remove it",
    file="gateway.yaml",
    line=7,
    column=3,
    path="policies.app",
)
ERROR = replace(WARNING, severity=Severity.ERROR, code="schema.type", message='"x" is not a list')


def read_snapshot(directory: Path, text: str = CONFIGURATION) -> Snapshot:
    """Load a configuration that has no errors."""
    path = directory / "gateway.yaml"
    path.write_text(text)
    snapshot = load(path, {}).snapshot
    assert snapshot is not None
    return snapshot


def worker(pid: int, *, is_healthy: bool = True, connections: int = 3) -> WorkerFigures:
    """What one worker says of itself, if its second server is well or not."""
    servers = tuple(
        ServerFigures("backend", f"http://127.0.0.1:900{number}", healthy, active=1, idle=2)
        for number, healthy in ((1, True), (2, is_healthy))
    )
    return WorkerFigures(pid, gateway=GatewayFigures(1, connections, 2, 1, servers))


def applied(*origins: str) -> ReloadResult:
    """A reload that succeeded, and let these origins in."""
    wider = (Statement("allow_origins", gained=origins),)
    difference = Changes((RouteChange("api", PolicyDifference(wider)),)) if origins else Changes()
    return ReloadResult(
        outcome=Outcome.APPLIED, message="replaced", generation=2, time=100.0, changes=difference
    )


def rejected(*problems: Problem) -> ReloadResult:
    """A reload that did not."""
    return ReloadResult(
        outcome=Outcome.REJECTED, message="not replaced", generation=1, time=100.0, problems=problems
    )


@dataclass
class Traffic:
    """What carries the traffic of a stand-in: shows what it is given, and remembers what it was told."""

    to_show: list[str] = field(default_factory=list)
    interests: tuple[Interest, ...] = ()
    diagnosed: tuple[str, ...] = ()

    async def watch(self, interests: Sequence[Interest]) -> None:
        self.interests = tuple(interests)

    async def seen(self) -> Seen:
        lines, self.to_show = tuple(self.to_show), []
        return Seen(lines)

    async def diagnose(self, origins: Collection[str]) -> None:
        self.diagnosed = tuple(origins)


@dataclass
class StandIn:
    """A `Control`."""

    snapshot: Snapshot
    generation: int = 1
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    reloads: ReloadCounts = field(default_factory=ReloadCounts)
    warnings: tuple[Problem, ...] = ()
    counters: Metrics = field(default_factory=Metrics)
    remembered: list[RefusedOrigin] = field(default_factory=list)
    workers: list[WorkerFigures] = field(default_factory=lambda: [worker(1)])
    next_reload: ReloadResult = field(default_factory=applied)
    traffic: Traffic = field(default_factory=Traffic)

    def __post_init__(self) -> None:
        self.lifecycle.enter(Phase.READY)
        self.subscriptions = Subscriptions(self.traffic)
        self.diagnoses = Diagnoses(self.traffic.diagnose)

    @property
    def phase(self) -> Phase:
        return self.lifecycle.phase

    @property
    def is_ready(self) -> bool:
        return self.lifecycle.is_ready

    async def request_reload(self) -> ReloadResult:
        self.reloads.count(self.next_reload)
        return self.next_reload

    async def status(self) -> ProcessStatus:
        return ProcessStatus(
            instance="gateway-7",
            version="1.2.3",
            pid=1,
            phase=self.phase,
            started=100.0,
            uptime=3725.0,
            generation=self.generation,
            path="/etc/cors-gateway",
            fingerprint=self.snapshot.fingerprint,
            files=self.snapshot.files,
            listen=("127.0.0.1:8080",),
            reloads=self.reloads,
            warnings=self.warnings,
            workers=tuple(self.workers),
        )

    async def metrics(self) -> Metrics:
        return self.counters

    async def refusals(self) -> list[RefusedOrigin]:
        return self.remembered

    def admit(self, admin: Admin | None) -> None:
        """Take another `admin` section."""
        self.snapshot = replace(self.snapshot, admin=admin)

    def open_to_all(self) -> None:
        """Ask for no token."""
        self.admit(Admin(TcpListener("127.0.0.1", 9090)))
