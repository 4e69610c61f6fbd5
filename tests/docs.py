"""docs/decisions.md, made from the `Reason` enum: `python -m tests.docs` writes it.

What a reason means stands once, beside its enum member; here is what people see of it and what they can do.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cors_gateway.policy.reason import Reason

DOCUMENT = Path(__file__).parent.parent / "docs" / "decisions.md"

INTRODUCTION = """\
# Decisions

Every request gets exactly one reason. The word is the same in `cors-gateway explain`, the access log, the metrics and
the problem documents of refused requests. The first check that fails names it, in this order: route, form of the
request, origin, method, headers.

| the gateway answers | when |
|---|---|
| a preflight with `preflight_status` (204) and the grant | the preflight is allowed |
| a preflight with 403 and nothing but `Vary` | it is refused, for whatever reason |
| a preflight with `preflight_status` and what *is* allowed | method or header are refused, and the policy says `preflight_failure: diagnose` |
| an actual request with 403 | its origin is refused, and the policy says `on_disallowed_request: reject` |
| a WebSocket handshake with 403 | its origin is refused, and the policy says `websocket_origin_check: true` |

Everything else is forwarded; what the reason then changes is whether the response carries the CORS headers that let
the script read it. A `report_only` policy decides and counts like any other, and changes nothing.

Below, **console** quotes Chromium; Firefox says the same things as “Cross-Origin Request Blocked … (Reason: …)”.
"""


@dataclass(frozen=True)
class Advice:
    """What the browser's console says, or why it says nothing, and what to do."""

    console: str
    remedy: str


MISSING = "`No 'Access-Control-Allow-Origin' header is present on the requested resource.`"
PREFLIGHT_MISSING = f"`Response to preflight request doesn't pass access control check:` … {MISSING}"

ADVICE = {
    Reason.NOT_CORS: Advice(
        "nothing. If it complains about a missing header, it was served an old copy from a cache, or something in front"
        " removes `Origin`: the cause is then `origin_removed`.",
        "Nothing, without that cause: navigations, `curl`, same-origin `GET`s and images without `crossorigin` send no"
        " `Origin`.",
    ),
    Reason.ALLOWED: Advice(
        "nothing, unless the request was made with credentials and the policy has none: `The value of the"
        " 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's"
        " credentials mode is 'include'.`",
        "Nothing. If the script still cannot read a header of the response, add it to `expose_headers`; if it sends"
        " cookies, set `allow_credentials: true`.",
    ),
    Reason.SAME_ORIGIN: Advice(
        "nothing: the page and the gateway share an origin, the browser makes no CORS check.",
        "Nothing.",
    ),
    Reason.ORIGIN_NOT_ALLOWED: Advice(
        f"{MISSING} For a preflight: {PREFLIGHT_MISSING}",
        "If the page may read the response, add its origin to `allow_origins` exactly as the message quotes it, with"
        " scheme and port. `null` comes from sandboxed frames, local files and some redirects: serve the page from an"
        " origin of its own. A browser extension or webview may have another random host in every installation: allow its"
        " scheme, as in `moz-extension://*`.",
    ),
    Reason.ORIGIN_MALFORMED: Advice(
        "nothing: browsers do not send such a value.",
        "Look for the client or the proxy that writes `Origin`: upper case, a trailing slash, a default port, a list,"
        " or a second `Origin` line.",
    ),
    Reason.METHOD_NOT_ALLOWED: Advice(
        f"{PREFLIGHT_MISSING} With `preflight_failure: diagnose`: `Method PATCH is not allowed by"
        " Access-Control-Allow-Methods in preflight response.`",
        "Add the method to `allow_methods`, in upper case: methods are case-sensitive, and browsers correct the case"
        " of `DELETE`, `GET`, `HEAD`, `OPTIONS`, `POST` and `PUT` only, so `fetch(…, {method: 'patch'})` asks for"
        " `patch`. `CONNECT`, `TRACE` and `TRACK` can never be allowed.",
    ),
    Reason.HEADER_NOT_ALLOWED: Advice(
        f"{PREFLIGHT_MISSING} With `preflight_failure: diagnose`: `Request header field x-a is not allowed by"
        " Access-Control-Allow-Headers in preflight response.`",
        "Add the header to `allow_headers`. `Content-Type` needs listing for JSON. `Authorization` needs listing even"
        ' beside `"*"`. `Access-Control-Allow-Origin` in a request is a mistake of the page; where it cannot be mended,'
        " list it too: granting it gives the page nothing.",
    ),
    Reason.REQUEST_MALFORMED: Advice(
        f"{PREFLIGHT_MISSING} Browsers themselves do not send such preflights.",
        "Look for the client or the proxy that writes `Access-Control-Request-Method` or"
        " `Access-Control-Request-Headers`: one method on one line; names separated by commas, at most 4096 bytes and"
        " 16 empty elements.",
    ),
    Reason.CORS_DISABLED: Advice(
        f"{MISSING} For a preflight: {PREFLIGHT_MISSING}",
        "If other origins may use this route, give it a policy in place of `cors: disabled`.",
    ),
    Reason.PASSTHROUGH: Advice(
        "whatever the backend's headers lead to.",
        "Look at the backend's CORS code; or give the route a policy, which replaces it.",
    ),
    Reason.NO_ROUTE: Advice(
        f"{MISSING} The status is 404.",
        "Compare host, path and method with `routes`; a preflight needs a route for the method it asks for.",
    ),
}


def decisions() -> str:
    """The whole document."""
    sections = [INTRODUCTION]
    meaning = dict(meanings(Reason))
    for member in Reason:
        advice = ADVICE[member]
        sections.append(
            f"## `{member}`\n\n{meaning[member]}\n\n"
            f"* **console**: {advice.console}\n* **what to do**: {advice.remedy}\n"
        )
    return "\n".join(sections)


def meanings(enum: type[StrEnum]) -> Iterator[tuple[str, str]]:
    """Word and docstring of each member: the string literal that follows its assignment."""
    (definition,) = ast.parse(inspect.getsource(enum)).body
    assert isinstance(definition, ast.ClassDef)
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                yield enum[name].value, text


if __name__ == "__main__":
    DOCUMENT.write_text(decisions(), encoding="utf-8")
