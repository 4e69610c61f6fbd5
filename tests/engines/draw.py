"""Drawn policies and calls: everything a policy can say, everything a script can ask, with near misses in between."""

import random
from dataclasses import dataclass
from typing import Any

METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "put",
    "PATCH",
    "patch",
    "DELETE",
    "OPTIONS",
    "QUERY",
    "PROPFIND",
    "get",
)
LISTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "patch", "PROPFIND")
HEADERS: tuple[tuple[str, str], ...] = (
    ("Content-Type", "text/plain;charset=utf-8"),
    ("Content-Type", "application/json"),
    ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Type", "text/html"),
    ("Content-Type", "application/x-www-form-urlencoded"),
    ("Accept", "application/json"),
    ("Accept", 'a/b;c="d"'),
    ("Accept", "a" * 129),
    ("Accept-Language", "de, en;q=0.5"),
    ("Accept-Language", "de_DE"),
    ("Content-Language", "de"),
    ("Range", "bytes=0-5"),
    ("Range", "bytes=-5"),
    ("Authorization", "Bearer x"),
    ("X-A", "1"),
    ("X-B", "1"),
    ("x-a", "2"),
    ("X-CSRF-Token", "1"),
    ("DNT", "1"),
    ("Cookie", "a=b"),
    ("Cache-Control", "no-cache"),
    ("Pragma", "no-cache"),
    ("If-None-Match", '"x"'),
    ("Upgrade-Insecure-Requests", "1"),
    ("Save-Data", "on"),
    ("Device-Memory", "8"),
    ("User-Agent", "mine"),
    ("X-HTTP-Method-Override", "PUT"),
)
LISTED_HEADERS = (
    "Content-Type",
    "Authorization",
    "X-A",
    "X-B",
    "X-CSRF-Token",
    "Range",
    "Accept",
    "If-None-Match",
)
EXPOSED = ("X-One", "X-Two", "ETag", "Content-Range", "Link")
BODILESS = frozenset({"GET", "HEAD", "get"})


@dataclass(frozen=True, slots=True)
class Drawn:
    """One call of a script: which page makes it, to which policy, and how."""

    page: str
    """What the page is to the policies: `listed`, `other`, `stranger`, `null`."""
    policy: str
    method: str
    headers: tuple[tuple[str, str], ...]
    credentials: bool
    body: bool
    """Whether a text goes along, which has a Content-Type of its own if none is set."""
    redirects_to: str | None = None
    """The policy of a route that the backend redirects to."""
    leaves_host: bool = False
    """Whether that redirect goes to the gateway's other name."""


def draw_policy(random: random.Random, listed: str, other: str) -> dict[str, Any] | str:
    """A policy as it is written; now and then one that the configuration refuses."""
    if random.random() < 0.05:
        return "disabled"
    policy: dict[str, Any] = {
        "allow_origins": random.choice([[listed], [listed], [listed, other], ["*"], ["http://localhost:*"]])
    }
    if random.random() < 0.8:
        policy["allow_methods"] = _some(random, LISTED_METHODS) or ["GET"]
    if random.random() < 0.8:
        policy["allow_headers"] = _some(random, LISTED_HEADERS)
    if random.random() < 0.7:
        policy["expose_headers"] = _some(random, EXPOSED, star=0.2)
    if random.random() < 0.5:
        policy["allow_credentials"] = True
    if random.random() < 0.5:
        policy["max_age"] = random.choice([0, 1, 600])
    if random.random() < 0.2:
        policy["preflight_failure"] = "diagnose"
    if random.random() < 0.2:
        policy["on_disallowed_request"] = "reject"
    if random.random() < 0.2:
        policy["preflight_status"] = 200
    if random.random() < 0.2 and policy["allow_origins"] != ["*"]:
        policy["dangerously_allow_null_origin"] = True
        policy["allow_origins"] = [*policy["allow_origins"], "null"]
        policy.pop("allow_credentials", None)
    return policy


def draw_call(random: random.Random, policies: list[str]) -> Drawn:
    method = random.choice(METHODS)
    redirects = random.random() < 0.15
    # A redirected call is a plain one: what else becomes of the rest is the subject of the others.
    headers = () if redirects else _headers(random)
    return Drawn(
        page=random.choice(("listed", "listed", "listed", "other", "stranger", "null")),
        policy=random.choice(policies),
        method="GET" if redirects else method,
        headers=headers,
        credentials=random.random() < 0.4,
        body=method not in BODILESS and not redirects and random.random() < 0.5,
        redirects_to=random.choice(policies) if redirects else None,
        leaves_host=random.random() < 0.5,
    )


def _headers(random: random.Random) -> tuple[tuple[str, str], ...]:
    chosen: dict[str, tuple[str, str]] = {}
    for name, value in random.sample(HEADERS, random.choice((0, 0, 1, 1, 2, 3))):
        chosen.setdefault(name.lower(), (name, value))
    return tuple(chosen.values())


def _some(random: random.Random, names: tuple[str, ...], star: float = 0.15) -> list[str]:
    if random.random() < star:
        return ["*"]
    return random.sample(names, random.randrange(len(names)))
