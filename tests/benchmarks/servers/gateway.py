"""The gateway itself, run as its users run it, on this Python or on another one."""

import functools
import os
import re
import signal
import sys
from pathlib import Path

import yaml

from tests.benchmarks.servers.server import (
    Launch,
    MissingError,
    Program,
    Server,
    first_line,
    take_over,
    write_watched,
)
from tests.benchmarks.site import BACKEND_CONNECTIONS, CONNECTIONS, EXPOSED, HEADERS, MAX_AGE, METHODS, Site

_ROOT = Path(__file__).parents[3]
# Whatever is installed there, the source beside this benchmark is what is measured.
# Installed packages are compiled; a checkout is so from the second start on, if nobody forbids it.
_ENVIRONMENT = {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": ""}


def on(python: Path) -> Server:
    """The gateway on an interpreter that its dependencies are installed for. Raises MissingError if it is none."""
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    release = first_line([str(python), "-c", asked])
    if not re.fullmatch(r"\d+\.\d+", release):
        raise MissingError(f"{python} is no Python: {release}")
    return Server(f"gateway-{release}", functools.partial(_locate, python), configure, reload)


def configure(program: Program, site: Site, folder: Path) -> Launch:
    listen: object = f"127.0.0.1:{site.port}"
    if site.certificate:
        tls = {"certificate": str(site.certificate.chain), "key": str(site.certificate.key)}
        listen = {"address": listen, "tls": tls}
    document = {
        "version": 1,
        "server": {
            "listen": [listen],
            "workers": site.shape.workers,
            "access_log": "json" if site.shape.access_log else "off",
            "limits": {"connections": CONNECTIONS},
            "timeouts": {"keep_alive": "10m"},
        },
        "admin": "off",
        "upstreams": {
            "backend": _upstream(site.backend_port),
            "sink": _upstream(site.sink_port),
        },
        "policies": {
            "app": {
                "allow_origins": list(site.origins),
                "allow_methods": list(METHODS),
                "allow_headers": list(HEADERS),
                "expose_headers": list(EXPOSED),
                "allow_credentials": True,
                "max_age": MAX_AGE,
            }
        },
        "routes": [
            *(
                {"name": f"backend-{n}", "path": prefix, "upstream": "backend", "cors": "app"}
                for n, prefix in enumerate(site.prefixes)
            ),
            {"name": "sink", "path": "/sink/", "upstream": "sink", "cors": "app"},
        ],
    }
    path = folder / "gateway.yaml"
    write_watched(path, yaml.safe_dump(document, sort_keys=False, width=110))
    return Launch([program.path, "run", "-c", path], [path], _ENVIRONMENT)


def reload(launch: Launch, pid: int) -> None:
    take_over(launch.files[0])
    os.kill(pid, signal.SIGHUP)  # at once, where the watcher would wait for more


def _locate(python: Path) -> Program:
    path = python.with_name("cors-gateway")
    if not path.exists():
        raise MissingError(
            f"cors-gateway is not installed beside {python} ({python} -m pip install '.[http2]')"
        )
    version = first_line([str(path), "version"], _ENVIRONMENT)
    if not version.startswith("cors-gateway "):
        raise MissingError(f"{path} does not run: {version}")
    return Program(path, version)


def _upstream(port: int) -> dict[str, object]:
    return {
        "servers": [f"http://127.0.0.1:{port}"],
        "keep_alive": {"connections": BACKEND_CONNECTIONS, "idle": "5m"},
    }


SERVER = Server("gateway", functools.partial(_locate, Path(sys.executable)), configure, reload)
