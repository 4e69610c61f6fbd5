"""Whether an answer is what a case expects of it: what a browser makes of it, and which backend gave it."""

import re
from typing import Any

from tests.migrate.answer import SAFELISTED_METHODS, ask

_FORWARDED = re.compile(r"http://([a-z0-9.-]+:[0-9]+)(/\S*)(?: [0-9]+)?")


async def is_allowed(address: tuple[str, int], decision: dict[str, Any], server: str) -> bool:
    """Whether a browser lets the script read, by the answers of a server."""
    wanted = {"credentials"} if decision.get("credentials") else {"credentials", "anonymous"}
    headers = {"Origin": decision["origin"]}
    asked = {"host": decision["host"], "path": decision["path"]}
    if decision["method"] not in SAFELISTED_METHODS or "headers" in decision:
        preflight = headers | {"Access-Control-Request-Method": decision["method"]}
        if "headers" in decision:
            preflight["Access-Control-Request-Headers"] = ",".join(sorted(decision["headers"])).lower()
        answer = await ask(address, {**asked, "method": "OPTIONS", "headers": preflight}, server)
        if answer["effect"] not in wanted:
            return False
    answer = await ask(address, {**asked, "method": decision["method"], "headers": headers}, server)
    return answer["effect"] in wanted


def differences(asked: str, destination: str, answer: dict[str, Any]) -> list[str]:
    """Complaints about a request that goes to another backend than `destination` says."""
    found = [_FORWARDED.fullmatch(text) for text in destination.split(", ")]
    wanted = {(match[1], match[2].rstrip("/")) for match in found if match}
    seen = (answer["from"], answer.get("saw", "").partition(" ")[2].rstrip("/"))
    return [] if not wanted or seen in wanted else [f"{asked}: it went to {seen}, not to {wanted}"]
