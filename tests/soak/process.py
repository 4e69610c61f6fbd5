"""The gateway as the soak runs it, and what the system says about it from outside."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import trustme

from tests.soak.abuse import BODY_LIMIT
from tests.soak.client import Secure
from tests.soak.descriptors import descriptors
from tests.wire.gateway_process import GatewayProcess, free_port, wait_until_ready

Settings = Mapping[str, str | int]

LIMITS: Settings = {"request_body": BODY_LIMIT, "connections": 1000}
TIMEOUTS: Settings = {"request_head": "2s", "request_body": "2s", "keep_alive": "3s", "send": "5s"}
"""So short that all of them are met."""

SIGNS_OF_TROUBLE = ("Traceback", "never retrieved", "was never awaited", "Unhandled", "Exception in")


def configuration(
    listen: Sequence[object],
    upstream: str,
    max_age: int,
    *,
    workers: int,
    limits: Settings,
    timeouts: Settings,
) -> str:
    """What is served."""
    return json.dumps(
        {
            "version": 1,
            "admin": "off",
            "server": {
                "listen": list(listen),
                "workers": workers,
                "access_log": "json",
                "limits": dict(limits),
                "timeouts": dict(timeouts),
                "shutdown": {"grace": "5s"},
            },
            "upstreams": {
                "backend": {"servers": [upstream], "timeouts": {"response_head": "10s", "idle": "10s"}}
            },
            "policies": {
                "app": {
                    "allow_origins": [
                        "https://app.example.com",
                        "https://*.tenant.example.com",
                        "http://localhost:*",
                    ],
                    "allow_methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
                    "allow_headers": ["Content-Type", "Authorization"],
                    "allow_credentials": True,
                    "max_age": max_age,
                }
            },
            "routes": [{"name": "all", "path": "/", "upstream": "backend", "cors": "app"}],
        },
        indent=1,
    )


class Gateway:
    """A running gateway whose configuration can be changed."""

    def __init__(self, directory: Path, upstream: str, **settings: Any) -> None:
        self._directory = directory
        self._upstream = upstream
        self._settings = settings
        self._reloads = 0
        port, tls_port = self._ports = free_port(), free_port()
        tls, context = _certified(directory)
        self._listen = [f"127.0.0.1:{port}", {"address": f"127.0.0.1:{tls_port}", "tls": tls}]
        self.secure = Secure(("127.0.0.1", tls_port), context)
        self._write()
        with (directory / "gateway.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cors_gateway", "run", "-c", str(directory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # the access log: written, and read by nobody
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.process = GatewayProcess(process, ("127.0.0.1", port), directory)

    @property
    def reloads(self) -> int:
        return self._reloads

    def descriptors(self) -> Counter[str]:
        """Open descriptors of the process and its workers."""
        return descriptors(self._pids(), self._ports)

    def memory(self) -> int:
        """Resident bytes of the process and its workers."""
        return sum(_resident(pid) for pid in self._pids())

    def reload(self) -> None:
        """Serve another generation of the configuration."""
        self._reloads += 1
        self._write()
        self.process.process.send_signal(signal.SIGHUP)

    def troubles(self) -> list[str]:
        """Lines of its log that no correct program writes."""
        return [
            line for line in self.process.log.splitlines() if any(sign in line for sign in SIGNS_OF_TROUBLE)
        ]

    def _pids(self) -> list[int]:
        """Those of the tree: the process, what its workers are forked from, the workers."""
        pids = [self.process.process.pid]
        for pid in pids:
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids

    def _write(self) -> None:
        text = configuration(self._listen, self._upstream, 60 + self._reloads, **self._settings)
        scratch = self._directory / ".gateway.yaml.new"
        scratch.write_text(text)
        scratch.replace(self._directory / "gateway.yaml")


@contextlib.contextmanager
def running(
    directory: Path,
    upstream: str,
    workers: int = 1,
    *,
    limits: Settings = LIMITS,
    timeouts: Settings = TIMEOUTS,
) -> Iterator[Gateway]:
    """A gateway that is ready, and is stopped at the end."""
    gateway = Gateway(directory, upstream, workers=workers, limits=limits, timeouts=timeouts)
    try:
        wait_until_ready(gateway.process)
        yield gateway
    finally:
        gateway.process.stop()


def _certified(directory: Path) -> tuple[dict[str, str], ssl.SSLContext]:
    """A certificate for `localhost` as the configuration names it, and what believes it."""
    authority, context = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(context)
    pair = directory / "pair.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pair))
    return {"certificate": str(pair), "key": str(pair)}, context


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
