"""How each proxy is told to be the same site: one module each, with its exact configuration.

`ALL` lists them in the order of the tables. A module says where the program is (or why it cannot be measured) and
writes its configuration; starting and stopping is the business of `processes.py`.
"""

from tests.benchmarks.servers import aiohttp, caddy, envoy, gateway, haproxy, nginx, node
from tests.benchmarks.servers.server import Launch, MissingError, Program, Server

gateway_on = gateway.on

ALL: tuple[Server, ...] = (
    gateway.SERVER,
    nginx.SERVER,
    haproxy.SERVER,
    envoy.SERVER,
    caddy.SERVER,
    node.SERVER,
    aiohttp.SERVER,
)

__all__ = ["ALL", "Launch", "MissingError", "Program", "Server", "gateway_on"]
