"""What reloads leave in a worker: as much of everything as after the first, without the garbage collector's help."""

import asyncio
import gc
import json
import pickle
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from cors_gateway.config.load import load
from cors_gateway.server.listeners import Listeners
from cors_gateway.server.worker import Worker
from cors_gateway.server.worker_handle import carried
from cors_gateway.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("without_collector")

WARM = 2
RELOADS = 3
LOOKS = 500
"""At what there is, 10 ms apart, until the last is gone: a thread may still hold what it did last."""

Change = Callable[[dict[str, Any], int], None]


def _policy(document: dict[str, Any], number: int) -> None:
    document["policies"]["app"]["max_age"] = 60 + number


def _regex(document: dict[str, Any], number: int) -> None:
    document["policies"]["app"]["allow_origins"] = [{"regex": f"https://[a-z]{{{number}}}\\.example\\.com"}]


def _servers(document: dict[str, Any], number: int) -> None:
    document["upstreams"]["api"]["servers"] = [f"http://127.0.0.1:{number}", f"http://127.0.0.2:{number}"]


def _servers_with_tls(document: dict[str, Any], number: int) -> None:
    document["upstreams"]["api"]["servers"] = [f"https://127.0.0.1:{number}", f"https://127.0.0.2:{number}"]


def _place(document: dict[str, Any], number: int) -> None:
    document["routes"][0]["host"] = f"{number}.example.com"


def _proxies(document: dict[str, Any], number: int) -> None:
    document["server"]["trusted_proxies"] = [f"10.0.0.{number}"]


@pytest.mark.parametrize("change", [_policy, _regex, _servers, _servers_with_tls, _place, _proxies])
async def test_reloads_add_nothing(tmp_path: Path, change: Change) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pair.pem"))
    with closing(Listeners()) as listeners:
        first = _read(tmp_path, change, 1)
        worker = Worker(first, instance_id="x")
        await worker.start(listeners.open(first.server.listen))
        del first
        for number in range(2, 2 + WARM):
            await _reload(worker, listeners, _read(tmp_path, change, number))
        before = _census()
        for number in range(2 + WARM, 2 + WARM + RELOADS):
            await _reload(worker, listeners, _read(tmp_path, change, number))
        more = await _more_than(before)
        await worker.close()

    assert more == Counter()


async def _reload(worker: Worker, listeners: Listeners, snapshot: Snapshot) -> None:
    bound = listeners.open(snapshot.server.listen)
    await worker.replace(pickle.loads(carried(snapshot)), bound, 2)


def _read(directory: Path, change: Change, number: int) -> Snapshot:
    tls: Mapping[str, str] = {
        "certificate": str(directory / "pair.pem"),
        "key": str(directory / "pair.pem"),
    }
    document: dict[str, Any] = {
        "version": 1,
        "admin": "off",
        "server": {
            "listen": ["127.0.0.1:0", {"address": f"unix:{directory}/tls", "tls": tls}],
            "access_log": "off",
        },
        "upstreams": {"api": {"servers": ["http://127.0.0.1:1"]}},
        "policies": {"app": {"allow_origins": ["https://app.example.com"], "allow_methods": ["PUT"]}},
        "routes": [{"name": "all", "path": "/", "upstream": "api", "cors": "app"}],
    }
    change(document, number)
    path = directory / "gateway.yaml"
    path.write_text(json.dumps(document))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


async def _more_than(before: Counter[str]) -> Counter[str]:
    more = _census() - before
    for _ in range(LOOKS):
        if not more:
            break
        await asyncio.sleep(0.01)
        more = _census() - before
    return more


def _census() -> Counter[str]:
    """How many objects there are of each type of the gateway's own, and of those that take most memory."""
    return Counter(
        f"{kind.__module__}.{kind.__qualname__}"
        for kind in map(type, gc.get_objects())
        if kind.__module__.partition(".")[0] in {"cors_gateway", "ssl", "re2", "socket"}
    )
