"""An answer as it is judged: who gave it, what the backend saw, and what a browser makes of it.

Written apart from `cors_gateway.policy.browser`, as a second opinion.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.migrate.backend import FROM, SAW, SAW_HOST, SAW_ORIGIN

SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
_BODIES = frozenset({"POST", "PUT", "PATCH"})
_CORS = "access-control-"

_DEADLINE = 30.0

Answered = dict[str, Any]
Fields = Sequence[tuple[str, str]]


async def ask(address: tuple[str, int], asked: Mapping[str, Any], server: str) -> Answered:
    """Send a request and describe the answer; `server` is who answers if no backend does."""
    method, headers = asked["method"], asked["headers"]
    body = b"{}" if method in _BODIES else b""
    lines = [f"{method} {asked['path']} HTTP/1.1", f"Host: {asked['host']}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if "Upgrade" not in headers:
        lines.append("Connection: close")
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _DEADLINE)
    finally:
        writer.close()
    status_line, *fields = head.decode("latin-1").split("\r\n")[:-2]
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in fields)]
    return describe(int(status_line.split(" ")[1]), pairs, asked, server)


def describe(status: int, fields: Fields, asked: Mapping[str, Any], server: str) -> Answered:
    """The answer in the words of `expect.yaml`."""
    sender = _one(fields, FROM)
    found: Answered = {"status": status, "from": sender or server}
    if sender:
        found |= {
            "saw": _one(fields, SAW),
            "saw_host": _one(fields, SAW_HOST),
            "saw_origin": _one(fields, SAW_ORIGIN),
        }
    cors: dict[str, str | list[str]] = {}
    for name, _ in fields:
        if name.lower().startswith(_CORS):
            values = _all(fields, name)
            cors[name.lower().removeprefix(_CORS)] = values if len(values) > 1 else values[0]
    if cors:
        found["cors"] = cors
    if vary := _names(",".join(_all(fields, "vary"))):
        found["vary"] = sorted(vary)
    for name in ("timing-allow-origin", "cross-origin-resource-policy", "location"):
        if (value := _one(fields, name)) is not None:
            # nginx writes the port of the test into the redirects that it completes.
            found[name.replace("-", "_")] = re.sub(r"^(http://[^/:]+):[0-9]+", r"\1", value)
    if "Origin" in asked["headers"] and "Upgrade" not in asked["headers"]:
        found["effect"] = effect(status, cors, asked)
    return found


def effect(status: int, cors: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """`credentials`, `anonymous` or `refused` (Fetch, "CORS check" and "CORS-preflight fetch")."""
    headers = {name.lower(): value for name, value in asked["headers"].items()}
    allowed = cors.get("allow-origin")
    if not isinstance(allowed, str) or allowed not in ("*", headers["origin"]):
        return "refused"
    has_credentials = allowed != "*" and cors.get("allow-credentials") == "true"
    requested = headers.get("access-control-request-method")
    if asked["method"] == "OPTIONS" and requested is not None:
        if not 200 <= status < 300:
            return "refused"
        methods = _list(cors.get("allow-methods"))
        names = {name.lower() for name in _list(cors.get("allow-headers"))}
        wanted = _names(headers.get("access-control-request-headers", ""))
        plain = requested in SAFELISTED_METHODS or requested in methods
        if not (plain or "*" in methods):
            return "refused"
        if not wanted <= names and not ("*" in names and "authorization" not in wanted - names):
            return "refused"
        has_credentials = has_credentials and plain and wanted <= names
    return "credentials" if has_credentials else "anonymous"


def _all(fields: Fields, name: str) -> list[str]:
    return [value for key, value in fields if key.lower() == name.lower()]


def _one(fields: Fields, name: str) -> str | None:
    values = _all(fields, name)
    return values[0] if values else None


def _list(value: object) -> set[str]:
    text = ",".join(value) if isinstance(value, list) else str(value or "")
    return {name.strip() for name in text.split(",") if name.strip()}


def _names(text: str) -> set[str]:
    return {name.lower() for name in _list(text)}
