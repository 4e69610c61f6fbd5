"""The door: a snapshot in, explanations of described requests out.

Routes are found as the data path finds them: by host, by every reading of the path, and by the method that a preflight
asks for (Fetch, "CORS-preflight fetch").
"""

from dataclasses import replace
from functools import partial

from cors_gateway.explain.arrival import refused_name
from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Explanation
from cors_gateway.explain.judgement import (
    enforced,
    judge,
    judge_refused_name,
    judge_unserved,
)
from cors_gateway.explain.remedy import find_remedy
from cors_gateway.explain.route_notes import several_note
from cors_gateway.explain.served import Served, deciding_view, served_routes, views
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request_line import parse_request_line
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.fetch import is_forbidden_method
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import Route, Snapshot

NO_ROUTE_STATUS = 404


class Explainer:
    """Explains requests under one configuration; remembers nothing about them but what the policies do.

    Raises as `CompiledPolicy` does, at construction only.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._table = served_routes(snapshot.routes, enforced)
        self._views = {
            route.name: views(route, partial(enforced, is_one_of_several=True))
            for route in snapshot.routes
            if route.further_policies
        }

    def explain(self, request: Request) -> Explanation:
        """Say what a browser would do with the request, what would be answered, and what would have to change."""
        explanation = self.judge(request)
        return replace(explanation, remedy=find_remedy(explanation, self.snapshot.routes))

    def judge(self, request: Request) -> Explanation:
        """As `explain`, without looking for a remedy."""
        try:
            served = self._find(request)
        except ProtocolFault as fault:
            return judge_unserved(request, fault.status, None, fault.detail)
        if served is None:
            why = f"no route serves {request.method} {request.target}"
            return judge_unserved(request, NO_ROUTE_STATUS, Reason.NO_ROUTE, why)
        explanation = self._judge_served(request, *served)
        name = refused_name(request, served[0], self.snapshot.server.underscore_headers)
        return explanation if name is None else judge_refused_name(explanation, name)

    def _judge_served(self, request: Request, route: Route, policy: CompiledPolicy) -> Explanation:
        if route.name not in self._views:
            return judge(request, route, policy)
        view, is_listed = deciding_view(self._views[route.name], request.origin)
        explanation = judge(request, *view)
        if not explanation.is_cross_origin:
            return explanation
        note = several_note(route, view[0], is_listed=is_listed)
        return replace(explanation, notes=(note, *explanation.notes))

    def _find(self, request: Request) -> Served | None:
        """The route and its policy. Raises ProtocolFault for what the data path would refuse before it looks for one."""
        method = b"GET" if is_forbidden_method(request.method) else request.method.encode()
        limit = self.snapshot.server.limits.request_head
        line = parse_request_line(b"%b %b HTTP/1.1" % (method, request.target.path.encode()), limit)
        routes = self._table.for_host(request.target.host.encode())
        return routes.select_one(line.readings, method)
