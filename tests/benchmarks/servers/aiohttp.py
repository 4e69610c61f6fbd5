"""A plain proxy on aiohttp's server and client, the obvious way to write one in Python."""

import sys
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.servers.scripted import write_site
from tests.benchmarks.servers.server import Launch, Program, Server
from tests.benchmarks.site import Site

_ROOT = Path(__file__).parents[3]


def locate() -> Program:
    python = ".".join(map(str, sys.version_info[:3]))
    return Program(Path(sys.executable), f"{version('aiohttp')}, uvloop {version('uvloop')}, Python {python}")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    path = write_site(site, folder)
    command: list[str | Path] = [program.path, "-m", "tests.benchmarks.servers.aiohttp_proxy", path]
    return Launch(command, [path], {"PYTHONPATH": str(_ROOT)})


SERVER = Server("aiohttp", locate, configure, speaks_http2=False)
