"""Documents for programs, and for people with curl: the effective configuration, metrics, explanations."""

import asyncio
from dataclasses import asdict

from aiohttp import web

from cors_gateway.admin.explainers import Question
from cors_gateway.admin.responses import json_answer, problem
from cors_gateway.admin.state import CONTROL, EXPLAINERS
from cors_gateway.config.load import effective
from cors_gateway.explain.described_request import DescriptionFault
from cors_gateway.explain.document import as_document
from cors_gateway.observe import prometheus
from cors_gateway.server.gauges import read_gauges

_YES = frozenset({"1", "true", "yes", "on"})


async def configuration(request: web.Request) -> web.Response:
    """`GET /config`: what is in force as YAML, defaults included, secrets left out."""
    text = await asyncio.to_thread(effective, request.app[CONTROL].snapshot)
    # As text, because browsers save YAML instead of showing it.
    return web.Response(text=text, content_type="text/plain", charset="utf-8")


async def metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: everything that is counted, for Prometheus."""
    control = request.app[CONTROL]
    gauges = await read_gauges(control)
    body = await asyncio.to_thread(prometheus.render, await control.metrics(), gauges)
    return web.Response(body=body, headers={"Content-Type": prometheus.CONTENT_TYPE})


async def explanation(request: web.Request) -> web.Response:
    """`GET /explain?url=…&origin=…&method=…&header=…&credentials=true`; the object is that of the command line."""
    snapshot = request.app[CONTROL].snapshot
    try:
        found = await request.app[EXPLAINERS].explain(snapshot, read_question(request))
    except DescriptionFault as fault:
        return problem(400, "nothing to explain", str(fault))
    return json_answer(as_document(found, snapshot.server))


async def refusals(request: web.Request) -> web.Response:
    """`GET /refusals`: the origins that were refused lately, on which route and why, the last refused first."""
    latest = await request.app[CONTROL].refusals()
    return json_answer({"refusals": [asdict(refusal) for refusal in latest]})


def read_question(request: web.Request) -> Question:
    """The question in a query; `header` may be repeated, or hold one header a line as a text area sends them."""
    query = request.query
    lines = "\n".join(query.getall("header", [])).splitlines()
    return Question(
        url=query.get("url", "").strip(),
        origin=query.get("origin", "").strip(),
        method=query.get("method", "").strip(),
        headers=tuple(line.strip() for line in lines if line.strip()),
        credentials=query.get("credentials", "").lower() in _YES,
    )
