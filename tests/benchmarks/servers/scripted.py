"""The site as JSON, for the proxies that are written for the comparison instead of configured."""

import json
from pathlib import Path

from tests.benchmarks.site import BACKEND_CONNECTIONS, CORS_FIELDS, EXPOSED, HEADERS, MAX_AGE, METHODS, Site


def write_site(site: Site, folder: Path) -> Path:
    backend, sink = (f"http://127.0.0.1:{port}" for port in (site.backend_port, site.sink_port))
    tls = site.certificate
    document = {
        "port": site.port,
        "workers": site.shape.workers,
        "routes": [*((prefix, backend) for prefix in site.prefixes), ("/sink/", sink)],
        "origins": site.origins,
        "methods": ", ".join(METHODS),
        "headers": ", ".join(HEADERS),
        "exposed": ", ".join(EXPOSED),
        "max_age": str(MAX_AGE),
        "kept": BACKEND_CONNECTIONS,
        "cors_fields": [name.lower() for name in CORS_FIELDS],
        "access_log": str(folder / "access.log") if site.shape.access_log else None,
        "tls": {"chain": str(tls.chain), "key": str(tls.key)} if tls else None,
    }
    path = folder / "site.json"
    path.write_text(json.dumps(document, indent=1))
    return path
