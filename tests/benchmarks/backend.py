"""The servers behind the proxies: nginx for fixed answers, a small sink for uploads and WebSocket echoes.

The answers are deliberately wrong about CORS, as those of real backends are, so that a probe can tell whether a proxy
put them right.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import free_port, running

LARGE_BYTES = 10 * 1024 * 1024
JSON_BODY = (
    '{"id": 4711, "name": "Ada Lovelace", "role": "owner", "active": true, "groups": ["staff", "admins"]}'
)

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/backend.pid;
error_log {folder}/backend-error.log crit;
{user}
events {{ worker_connections 16384; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/backend-body;
  client_max_body_size 0;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    add_header Access-Control-Allow-Origin *;
    add_header Cache-Control "private, max-age=0";
    location / {{
      add_header Access-Control-Allow-Origin *;
      add_header Cache-Control "private, max-age=0";
      add_header ETag '"5d8c72a5edda8d6a"';
      add_header X-Request-Id 2f1c9d0b7a8e4f63;
      return 200 '{body}';
    }}
    location = /api/varying {{
      add_header Access-Control-Allow-Origin *;
      add_header Cache-Control "private, max-age=0";
      add_header ETag '"$request_id"';
      add_header X-Request-Id $request_id;
      return 200 '{body}';
    }}
    location = /api/large {{ alias {folder}/large.bin; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Backend:
    port: int
    sink_port: int


@contextlib.contextmanager
def serving(folder: Path, cores: frozenset[int]) -> Iterator[Backend]:
    """Run both servers on `cores`. Raises StartError."""
    (folder / "large.bin").write_bytes(os.urandom(LARGE_BYTES))
    backend = Backend(free_port(), free_port())
    configuration = folder / "backend.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(folder=folder, port=backend.port, body=JSON_BODY, user=user))
    nginx: list[str | Path] = ["nginx", "-p", folder, "-e", folder / "backend-error.log", "-c", configuration]
    sink = [sys.executable, "-m", "tests.benchmarks.sink", str(backend.sink_port)]
    # The child's working directory is the run's folder, so that it needs to be told where the package is.
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with (
        running(nginx, port=backend.port, cores=cores, log=folder / "backend.log"),
        running(sink, port=backend.sink_port, cores=cores, log=folder / "sink.log", environment=root),
    ):
        yield backend
