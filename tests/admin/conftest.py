"""A stand-in for the process, and the operators' interface to it."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from cors_gateway.admin.app import create_app
from tests.admin.stand_in import StandIn, read_snapshot

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def process(tmp_path: Path) -> StandIn:
    """A process whose admin listener asks for no token."""
    stand_in = StandIn(read_snapshot(tmp_path))
    stand_in.open_to_all()
    return stand_in


@pytest.fixture
async def client(process: StandIn, aiohttp_client: AiohttpClient) -> Client:
    """A client of the interface, which sends nothing but what it is told to."""
    return await aiohttp_client(create_app(process))
