"""An explanation for programs: the object of `explain --format json` and of the admin interface.

Keys are only ever added. `cors_gateway/cli/explain.py` describes them.
"""

from cors_gateway.explain import curl
from cors_gateway.explain.explanation import Change, Exchange, Explanation, Remedy
from cors_gateway.explain.remedy_sentences import change_text
from cors_gateway.snapshot import Location, Route, Server

Json = dict[str, object]


def as_document(explanation: Explanation, server: Server) -> Json:
    """Plain values, in the order in which they are best read."""
    request, route = explanation.request, explanation.route
    entry = explanation.entry
    return {
        "verdict": explanation.verdict.value,
        "allowed": explanation.is_allowed,
        "reason": None if explanation.reason is None else explanation.reason.value,
        "summary": explanation.summary,
        "request": {
            "origin": request.origin,
            "method": request.method,
            "url": str(request.target),
            "host": request.target.host,
            "path": request.target.path,
            "headers": [[name, value] for name, value in request.headers],
            "credentials": request.credentials,
            "websocket": request.target.is_websocket,
            "browser": request.browser,
        },
        "cross_origin": explanation.is_cross_origin,
        "relation": explanation.relation,
        "route": None if route is None else {"name": route.name, **_place(route.location)},
        "policy": None if route is None else _policy(route),
        "entry": None if entry is None else {"text": entry.text, **_place(entry.location)},
        "preflight_causes": list(explanation.causes),
        "preflight": _exchange(explanation.preflight),
        "actual": _exchange(explanation.actual),
        "readable_headers": _readable(explanation),
        "notes": list(explanation.notes),
        "remedy": _remedy(explanation.remedy),
        "curl": {
            "preflight": curl.preflight_line(explanation, server),
            "actual": curl.request_line(explanation, server),
        },
    }


def _place(location: Location | None) -> Json:
    if location is None:
        return {"file": None, "line": None}
    return {"file": location.file, "line": location.line}


def _policy(route: Route) -> Json:
    return {
        "name": route.policy_name,
        "mode": route.policy.mode.value,
        "report_only": route.policy.report_only,
        **_place(route.policy_location),
    }


def _exchange(exchange: Exchange | None) -> Json | None:
    if exchange is None:
        return None
    return {
        "request": list(exchange.request),
        "answered_by": exchange.answered_by,
        "status": exchange.status,
        "headers": [[name, value] for name, value in exchange.headers],
        "reason": None if exchange.reason is None else exchange.reason.value,
        "detail": exchange.detail,
        "fault": exchange.fault,
    }


def _readable(explanation: Explanation) -> object:
    if not explanation.is_allowed:
        return []
    return "*" if explanation.reads_every_header else list(explanation.readable)


def _remedy(remedy: Remedy | None) -> Json | None:
    if remedy is None:
        return None
    return {
        "changes": [_change(change) for change in remedy.changes],
        "warnings": list(remedy.warnings),
        "likely": remedy.instead,
        "blocked": remedy.blocked,
        "consequences": list(remedy.consequences),
    }


def _change(change: Change) -> Json:
    return {
        "text": change_text(change),
        "action": change.action,
        "key": change.key,
        "values": list(change.values),
        "policy": change.policy,
        "route": change.route,
        **_place(change.location),
    }
