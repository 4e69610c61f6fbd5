"""The doctor finds nothing wrong with the gateway, under any configuration that is shipped as an example."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from multidict import CIMultiDict

from cors_gateway.config.load import load
from cors_gateway.explain.described_request import parse_target
from cors_gateway.probe.asking import Manner, endpoint
from cors_gateway.probe.enquiry import Enquiry, plan_for
from cors_gateway.probe.examination import examine
from cors_gateway.probe.finding import Defect
from cors_gateway.probe.question import Exchange, Kind, Question
from cors_gateway.snapshot import Snapshot
from tests.probe import servers
from tests.wire.gateway_process import running_gateway

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "config" / "examples").glob("*.yaml"))
MANNER = Manner(timeout=30, pause=0)


def _configuration(path: Path, backend: str) -> dict[str, Any]:
    """The example in front of a backend on this machine."""
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    content.pop("server", None)
    for upstream in content["upstreams"].values():
        upstream.update(servers=[backend])
        upstream.pop("health_check", None)
    return content


@contextlib.asynccontextmanager
async def _gateway(path: Path, directory: Path) -> AsyncIterator[tuple[str, Snapshot]]:
    """The gateway under an example: where it is, and what it serves."""
    async with servers.running(servers.right) as backend:
        started = running_gateway(directory, _configuration(path, backend.url))
        gateway = await asyncio.to_thread(started.__enter__)
        try:
            snapshot = load(directory / "gateway.yaml", {}).snapshot
            assert snapshot is not None
            host, port = gateway.address
            yield f"http://{host}:{port}", snapshot
        finally:
            await asyncio.to_thread(started.__exit__, None, None, None)


async def _asked(url: str, snapshot: Snapshot) -> list[Exchange]:
    """About the host of the first route, if it is for one."""
    hosts = snapshot.routes[0].hosts
    meant = parse_target(f"http://{hosts[0]}/" if hosts else f"{url}/")
    questions = plan_for(meant, Enquiry(most=200), snapshot, "k3x").questions
    manner = replace(MANNER, host=hosts[0] if hosts else "")
    async with endpoint(parse_target(f"{url}/"), manner) as asked:
        return await asked.ask(questions)


def _kinds(questions: list[Question]) -> set[Kind]:
    return {question.kind for question in questions}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_the_gateway_is_right_under_its_examples(path: Path, tmp_path: Path) -> None:
    async with _gateway(path, tmp_path) as (url, snapshot):
        exchanges = await _asked(url, snapshot)

    assert examine(exchanges) == []
    assert _kinds([exchange.question for exchange in exchanges]) == set(Kind)
    assert any(exchange.question.is_test for exchange in exchanges)
    assert any(exchange.question.expected.allowed is False for exchange in exchanges)


async def _forward(request: web.Request, url: str, *, without: str = "") -> web.Response:
    """What a hop in front does: the same request without one field, and the answer as it is."""
    headers = {name: value for name, value in request.headers.items() if name not in (without, "Host")}
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            request.method, url + request.path_qs, headers=headers, allow_redirects=False
        ) as response,
    ):
        fields = [pair for pair in response.headers.items() if pair[0] != "Content-Length"]
        return web.Response(status=response.status, headers=CIMultiDict(fields), body=await response.read())


def _strips_origin(url: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return await _forward(request, url, without="Origin")

    return answer


def _wants_a_login(url: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        is_preflight = request.method == "OPTIONS"
        return web.Response(status=401) if is_preflight else await _forward(request, url)

    return answer


def _caches_by_address(url: str) -> Handler:
    kept: dict[str, tuple[int, CIMultiDict[str]]] = {}

    async def answer(request: web.Request) -> web.Response:
        if request.method != "GET":
            return await _forward(request, url)
        if request.path_qs not in kept:
            fresh = await _forward(request, url)
            kept[request.path_qs] = fresh.status, fresh.headers
        status, headers = kept[request.path_qs]
        fields = [pair for pair in headers.items() if pair[0] != "Content-Length"]
        return web.Response(status=status, headers=CIMultiDict(fields))

    return answer


@pytest.mark.parametrize(
    ("hop", "defect"),
    [
        (_strips_origin, Defect.ORIGIN_STRIPPED),
        (_wants_a_login, Defect.PREFLIGHT_NEEDS_LOGIN),
        (_caches_by_address, Defect.CACHE_IGNORES_VARY),
    ],
    ids=["strips Origin", "wants a login", "caches by address"],
)
async def test_a_hop_in_front_of_the_gateway_is_found(
    hop: Callable[[str], Handler], defect: Defect, tmp_path: Path
) -> None:
    example = ROOT / "config" / "examples" / "preview-deployments.yaml"
    async with _gateway(example, tmp_path) as (url, snapshot):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", hop(url))
        async with TestServer(app) as server:
            findings = examine(await _asked(str(server.make_url("")).rstrip("/"), snapshot))

    assert {finding.defect for finding in findings} == {defect}
