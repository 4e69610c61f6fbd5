"""A Node proxy on http-proxy, the usual library for one. Found through `$NODE_PATH` or among npm's global packages."""

import json
import os
from pathlib import Path

from tests.benchmarks.servers.scripted import write_site
from tests.benchmarks.servers.server import Launch, MissingError, Program, Server, find_program, first_line
from tests.benchmarks.site import Site

_SCRIPT = Path(__file__).with_name("node_proxy.js")


def locate() -> Program:
    node = find_program("node", "--version", get="apt-get install nodejs")
    package = _modules() / "http-proxy" / "package.json"
    if not package.exists():
        raise MissingError("http-proxy is not installed (npm install http-proxy, and set NODE_PATH)")
    version = json.loads(package.read_text())["version"]
    return Program(node.path, f"Node {node.version}, http-proxy {version}")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    path = write_site(site, folder)
    environment = {"NODE_PATH": str(_modules()), "NODE_ENV": "production", "NODE_NO_WARNINGS": "1"}
    return Launch([program.path, _SCRIPT, path], [path], environment)


def _modules() -> Path:
    for folder in os.environ.get("NODE_PATH", "").split(os.pathsep):
        if folder and (Path(folder) / "http-proxy").exists():
            return Path(folder)
    return Path(first_line(["npm", "root", "--global"]))


SERVER = Server("node", locate, configure, speaks_http2=False)
