"""Where everything of the demo is: the origins that the browser sees, and the addresses behind them.

Values only; ports are chosen and servers started in `cli/demo.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

CONFIGURATION = Path(__file__).parent / "gateway.yaml"

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Site:
    """Origins as browsers write them, without a trailing slash. The defaults are those of docker-compose.yml."""

    page: str = "http://localhost:8000"
    stranger: str = "http://localhost:8001"
    """Serves a page that no policy knows."""
    gateway: str = "http://localhost:8080"
    backend: str = "http://localhost:8081"
    """The backend as browsers reach it, past the gateway."""
    admin: str = "http://localhost:9090"
    """The gateway's own page, for its operators."""
    nobody: str = "http://localhost:8082"
    """Where nothing listens: a backend that is down."""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def configuration_in_force(path: Path, environ: Mapping[str, str]) -> str:
    """The gateway's configuration as it is written, with the addresses in place of the variables."""
    return _VARIABLE.sub(lambda found: environ.get(found[1]) or found[2], path.read_text())


def site_from_environment(environ: Mapping[str, str]) -> Site:
    """Read the origins from `DEMO_*_ORIGIN`, for a demo whose parts run as separate services."""
    given = {name: environ.get(f"DEMO_{name.upper()}_ORIGIN") for name in Site().as_dict()}
    return Site(**{name: origin for name, origin in given.items() if origin})
