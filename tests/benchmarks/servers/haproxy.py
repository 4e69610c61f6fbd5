"""HAProxy with rules of equal meaning: an origin list, `http-request return` for preflights, field edits on the way
back."""

import os
import signal
from pathlib import Path

from tests.benchmarks.servers.server import Launch, Program, Server, find_program
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
global
  nbthread {workers}
  maxconn {connections}
  tune.bufsize 65536
  # Two descriptors a connection are reckoned with, idle ones need one: a lower limit may do.
  no strict-limits
  {log_global}

defaults
  mode http
  timeout connect 3s
  timeout client 600s
  timeout server 60s
  timeout http-keep-alive 600s
  timeout tunnel 600s
  http-reuse always
  option forwardfor
  {log}

frontend public
  bind 127.0.0.1:{port}{tls} backlog 4096
  acl listed req.hdr(Origin) -m str -f {origins}
  acl routed path,map_beg({routes}) -m found
  acl asks req.hdr(Access-Control-Request-Method) -m found
  http-request return status 404 unless routed
  http-request return status 204 hdr Access-Control-Allow-Origin "%[req.hdr(Origin)]" hdr Access-Control-Allow-Credentials true hdr Access-Control-Allow-Methods "{methods}" hdr Access-Control-Allow-Headers "{headers}" hdr Access-Control-Max-Age {max_age} hdr Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" if METH_OPTIONS asks listed
  http-request return status 204 hdr Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" if METH_OPTIONS asks
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host "%[req.hdr(Host)]"
  http-request set-var(txn.origin) req.hdr(Origin) if listed
{removed}
  http-response set-header Access-Control-Allow-Origin "%[var(txn.origin)]" if {{ var(txn.origin) -m found }}
  http-response set-header Access-Control-Allow-Credentials true if {{ var(txn.origin) -m found }}
  http-response set-header Access-Control-Expose-Headers "{exposed}" if {{ var(txn.origin) -m found }}
  http-response add-header Vary Origin
  use_backend %[path,map_beg({routes})]

backend fixed
  server fixed 127.0.0.1:{backend_port} maxconn {kept}

backend sink
  server sink 127.0.0.1:{sink_port} maxconn {kept}
"""


def locate() -> Program:
    return find_program("haproxy", "-v", get="apt-get install haproxy: 3.2 in Debian 14")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    origins, routes, path = folder / "origins.txt", folder / "routes.map", folder / "haproxy.cfg"
    origins.write_text("".join(f"{origin}\n" for origin in site.origins))
    routes.write_text("".join(f"{prefix} fixed\n" for prefix in site.prefixes) + "/sink/ sink\n")
    path.write_text(
        _CONFIGURATION.format(
            workers=site.shape.workers,
            connections=CONNECTIONS,
            # HAProxy writes to syslog or to a descriptor, not to files; the benchmark keeps its output in one.
            log_global="log stdout format raw local0" if site.shape.access_log else "",
            log="log global\n  option httplog" if site.shape.access_log else "",
            port=site.port,
            tls=(f" ssl crt {site.certificate.both}" if site.certificate else "")
            + (" alpn h2,http/1.1" if site.shape.http2 else ""),
            kept=BACKEND_CONNECTIONS,
            origins=origins,
            routes=routes,
            scheme=site.scheme,
            removed="\n".join(f"  http-response del-header {name}" for name in CORS_FIELDS),
            methods=", ".join(METHODS),
            headers=", ".join(HEADERS),
            max_age=MAX_AGE,
            exposed=", ".join(EXPOSED),
            backend_port=site.backend_port,
            sink_port=site.sink_port,
        )
    )
    # A reload needs the master, which stays in the foreground as well.
    mode = "-W" if site.shape.reloads else "-db"
    return Launch([program.path, mode, "-f", path], [path, routes, origins])


def reload(launch: Launch, pid: int) -> None:
    os.kill(pid, signal.SIGUSR2)


SERVER = Server("haproxy", locate, configure, reload, newest=(3, 2))
