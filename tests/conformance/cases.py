"""The conformance cases as values."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent

Header = tuple[str, str]


@dataclass(frozen=True)
class OriginPair:
    """Patterns and one value of `Origin`; `unit_only` values cannot travel through an HTTP parser."""

    id: str
    patterns: tuple[str | dict[str, str], ...]
    origin: str
    match: bool
    level: str
    why: str
    unit_only: bool = False
    source: str = ""


@dataclass(frozen=True)
class RouteSpec:
    path: str
    cors: dict[str, Any] | str
    """The policy as written, or `disabled` or `passthrough`."""
    methods: tuple[str, ...] | None = None


@dataclass(frozen=True)
class HttpCase:
    id: str
    title: str
    level: str
    routes: tuple[RouteSpec, ...]
    method: str
    path: str
    headers: tuple[Header, ...]
    upstream: dict[str, Any]
    """`status` and `headers`, or `unreachable`, or `timeout`."""
    expect: dict[str, Any]
    accept_also: tuple[dict[str, Any], ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.id} {self.title}"

    @property
    def is_preflight(self) -> bool:
        """Lines count when they are present, even if empty; methods are case-sensitive (Fetch, "CORS-preflight fetch")."""
        names = {name.lower() for name, _ in self.headers}
        return self.method == "OPTIONS" and {"origin", "access-control-request-method"} <= names


@cache
def origin_pairs() -> list[OriginPair]:
    pairs = _load("origins.yaml")["pairs"]
    return [OriginPair(**{**pair, "patterns": tuple(pair["patterns"])}) for pair in pairs]


@cache
def http_cases() -> list[HttpCase]:
    content = _load("http.yaml")
    return [_http_case(case, content["policies"]) for case in content["cases"]]


def _http_case(case: dict[str, Any], policies: dict[str, Any]) -> HttpCase:
    routes = case.get("routes") or [{"path": "/", "cors": case["cors"]}]
    request = case["request"]
    return HttpCase(
        id=case["id"],
        title=case["title"],
        level=case["level"],
        routes=tuple(_route(route, policies) for route in routes),
        method=request["method"],
        path=request["path"],
        headers=_headers(request["headers"]),
        upstream={"status": 200, **case.get("upstream", {})},
        expect=case["expect"],
        accept_also=tuple(case.get("accept_also", ())),
    )


def _route(route: dict[str, Any], policies: dict[str, Any]) -> RouteSpec:
    methods = route.get("methods")
    return RouteSpec(route["path"], policies[route["cors"]], tuple(methods) if methods else None)


def _headers(pairs: list[list[str]]) -> tuple[Header, ...]:
    return tuple((name, value) for name, value in pairs)


def _load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return content
