"""What the rules say about a policy or a routing table, in the short form of the tables here."""

from typing import Any

from cors_gateway.config.lint.finding import Finding, RouteInput
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.lint.route_rules import lint_routes
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy

APP = "https://app.example.com"


def written(**keys: Any) -> WrittenPolicy:
    """A policy with the keys as YAML would have them; `allow_origins` defaults to one that nothing is wrong with."""
    keys.setdefault("allow_origins", [APP])
    return WrittenPolicy(**{key: _frozen(value) for key, value in keys.items()})


def findings(**keys: Any) -> list[Finding]:
    return lint_policy(written(**keys))


def said(**keys: Any) -> set[str]:
    """Every finding, as `error code at path`."""
    return short(findings(**keys))


def hint(code: str, **keys: Any) -> str:
    """The hint of the first finding with a code."""
    return next(finding.hint for finding in findings(**keys) if finding.code == code)


def regex(expression: str) -> dict[str, str]:
    return {"regex": expression}


def routes(*rows: dict[str, Any], policies: tuple[str, ...] = ("app",)) -> list[Finding]:
    """What is said about rows like those of YAML; upstream and cors may be left out."""
    return lint_routes([_route(row) for row in rows], policies)


def short(found: list[Finding]) -> set[str]:
    lines = [f"{finding.severity} {finding.code} at {_dotted(finding.path)}" for finding in found]
    assert len(set(lines)) == len(lines), "the same thing is said twice"
    return set(lines)


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _frozen(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return tuple(RegexEntry(item["regex"]) if isinstance(item, dict) else item for item in value)


def _route(row: dict[str, Any]) -> RouteInput:
    methods = row.get("methods")
    return RouteInput(
        name=row.get("name"),
        host=row.get("host"),
        hosts=_frozen(row.get("hosts")),
        is_exact=row.get("match") == "exact",
        extensions=_frozen(row.get("extensions")),
        path=row["path"],
        methods=None if methods is None else tuple(methods),
        upstream="backend",
        cors=row.get("cors", "app"),
    )
