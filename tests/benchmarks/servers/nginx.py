"""nginx with the CORS snippet that people write: a map of origins, `add_header … always`, OPTIONS answered with 204."""

import os
import signal
from pathlib import Path

from tests.benchmarks.servers.server import Launch, Program, Server, find_program, release
from tests.benchmarks.site import (
    BACKEND_CONNECTIONS,
    CONNECTIONS,
    CORS_FIELDS,
    EXPOSED,
    HEADERS,
    MAX_AGE,
    METHODS,
    Site,
)

_CONFIGURATION = """\
daemon off;
{user}worker_processes {workers};
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log {access_log};
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  {hashes}

  map $http_origin $cors_origin {{
    default "";
{origins}
  }}
  map $cors_origin $cors_credentials {{ "" ""; default "true"; }}
  map $cors_origin $cors_methods     {{ "" ""; default "{methods}"; }}
  map $cors_origin $cors_headers     {{ "" ""; default "{headers}"; }}
  map $cors_origin $cors_max_age     {{ "" ""; default "{max_age}"; }}
  map $cors_origin $cors_expose      {{ "" ""; default "{exposed}"; }}
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}

  upstream backend {{ server 127.0.0.1:{backend_port}; keepalive {kept}; keepalive_requests 1000000000; }}
  upstream sink    {{ server 127.0.0.1:{sink_port};    keepalive {kept}; keepalive_requests 1000000000; }}

  proxy_http_version 1.1;
  proxy_buffers 8 256k;
  proxy_buffer_size 16k;
  proxy_busy_buffers_size 512k;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  proxy_set_header Host $host;
  proxy_set_header Connection $connection_upgrade;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $host;
{hidden}

  server {{
    listen 127.0.0.1:{port}{tls} backlog=4096;
{certificate}{http2}
{locations}
  }}
}}
"""

_LOCATION = """\
    location {prefix} {{
      if ($request_method = OPTIONS) {{
        add_header Access-Control-Allow-Origin $cors_origin always;
        add_header Access-Control-Allow-Credentials $cors_credentials always;
        add_header Access-Control-Allow-Methods $cors_methods always;
        add_header Access-Control-Allow-Headers $cors_headers always;
        add_header Access-Control-Max-Age $cors_max_age always;
        add_header Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" always;
        return 204;
      }}
      add_header Access-Control-Allow-Origin $cors_origin always;
      add_header Access-Control-Allow-Credentials $cors_credentials always;
      add_header Access-Control-Expose-Headers $cors_expose always;
      add_header Vary Origin always;
      proxy_pass http://{upstream};
    }}"""


# Up to then HTTP/2 was a parameter of `listen`.
_HTTP2_IS_DIRECTIVE = (1, 25, 1)


def locate() -> Program:
    return find_program("nginx", "-v", get="apt-get install nginx")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    locations = [_LOCATION.format(prefix=prefix, upstream="backend") for prefix in site.prefixes]
    locations.append(_LOCATION.format(prefix="/sink/", upstream="sink"))
    certificate = ""
    if site.certificate:
        certificate = (
            f"    ssl_certificate {site.certificate.chain};\n    ssl_certificate_key {site.certificate.key};"
        )
    has_directive = release(program.version) >= _HTTP2_IS_DIRECTIVE
    text = _CONFIGURATION.format(
        user="user root; " if os.geteuid() == 0 else "",
        workers=site.shape.workers,
        connections=CONNECTIONS + 1000,
        folder=folder,
        access_log=f"{folder}/access.log combined" if site.shape.access_log else "off",
        hashes="map_hash_max_size 65536; map_hash_bucket_size 128;" if site.shape.many_origins else "",
        origins="\n".join(f'    "{origin}" $http_origin;' for origin in site.origins),
        methods=", ".join(METHODS),
        headers=", ".join(HEADERS),
        max_age=MAX_AGE,
        exposed=", ".join(EXPOSED),
        backend_port=site.backend_port,
        sink_port=site.sink_port,
        hidden="\n".join(f"  proxy_hide_header {name};" for name in CORS_FIELDS),
        port=site.port,
        tls=(" ssl" if site.certificate else "")
        + (" http2" if site.shape.http2 and not has_directive else ""),
        http2="\n    http2 on;" if site.shape.http2 and has_directive else "",
        kept=BACKEND_CONNECTIONS,
        certificate=certificate,
        locations="\n".join(locations),
    )
    path = folder / "nginx.conf"
    path.write_text(text)
    return Launch([program.path, "-p", folder, "-e", folder / "error.log", "-c", path], [path])


def reload(launch: Launch, pid: int) -> None:
    os.kill(pid, signal.SIGHUP)


SERVER = Server("nginx", locate, configure, reload, newest=(1, 30))
