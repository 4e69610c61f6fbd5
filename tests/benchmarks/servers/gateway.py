"""The gateway itself, run as its users run it."""

import sys
from pathlib import Path

import yaml

from tests.benchmarks.servers.server import Launch, MissingError, Program, Server, first_line
from tests.benchmarks.site import CONNECTIONS, EXPOSED, HEADERS, MAX_AGE, METHODS, Site


def locate() -> Program:
    path = Path(sys.executable).parent / "cors-gateway"
    if not path.exists():
        raise MissingError("cors-gateway is not installed beside this Python")
    return Program(path, first_line([str(path), "version"]))


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
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=110))
    return Launch([program.path, "run", "-c", path], [path])


def _upstream(port: int) -> dict[str, object]:
    return {"servers": [f"http://127.0.0.1:{port}"], "keep_alive": {"connections": 256, "idle": "5m"}}


SERVER = Server("gateway", locate, configure)
