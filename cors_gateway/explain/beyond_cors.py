"""What a browser does with a call that is not CORS and looks like it: address spaces, mixed content, cookies, redirects.

Nothing of it depends on a policy, and no header of an answer changes it. The sentences become notes of an explanation.
"""

import ipaddress
from collections.abc import Iterator
from enum import IntEnum

from cors_gateway.config.lint.public_suffix import registrable_name
from cors_gateway.explain.described_request import Request
from cors_gateway.policy.engines import Browser
from cors_gateway.policy.origin import Origin, parse_origin
from cors_gateway.policy.pattern import is_loopback

_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Carrier-grade NAT (RFC 6598): neither private nor global to Python."""


REDIRECTED = (
    "if the backend answers with a redirect to another origin, a login page for one, the browser asks there again, "
    "with Origin: null unless that is the page's own: without a grant there the script sees an error of CORS"
)
"""What a grant does not promise: where a backend may send a script, only its answer tells."""


class AddressSpace(IntEnum):
    """Where an address leads (Local Network Access, "IP address space"), from the most private to the least."""

    LOOPBACK = 0
    LOCAL = 1
    PUBLIC = 2


def notes_beyond_cors(request: Request) -> Iterator[str]:
    """What else to know about a call across origins."""
    page, target = _parsed(request.origin), _parsed(request.target.origin)
    if target is None:
        return
    yield from _mixed_content(request, page, target)
    yield from _local_network(request, page, target)
    if request.credentials:
        yield _cookies(page, target, request)


def address_space(host: str) -> AddressSpace | None:
    """Of a host as it stands in an origin; None for a name, which may lead anywhere."""
    if is_loopback(host):
        return AddressSpace.LOOPBACK
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return AddressSpace.LOCAL if host.removesuffix(".").endswith(".local") else None
    is_local = address.is_private or address.is_link_local or address in _SHARED
    return AddressSpace.LOCAL if is_local else AddressSpace.PUBLIC


def is_same_site(page: Origin, target: Origin) -> bool:
    """Whether cookies count it as the page's own site (HTML, "same site"): scheme and registrable name."""
    if page.scheme != target.scheme:
        return False
    return page.host == target.host or (
        registrable_name(page.host) is not None
        and registrable_name(page.host) == registrable_name(target.host)
    )


def _mixed_content(request: Request, page: Origin | None, target: Origin) -> Iterator[str]:
    if page is None or page.scheme != "https" or target.scheme != "http" or is_loopback(target.host):
        return
    if address_space(target.host) is AddressSpace.LOCAL:
        yield (
            f"a page of {request.origin} may call http at a local address in Chromium only, from version 142 on; others"
            " take it for mixed content and send nothing, whatever the gateway answers"
        )
    else:
        yield (
            f"a page of {request.origin} may not call http (mixed content), whatever the gateway answers; Chromium from"
            " version 142 on permits it for local addresses, which a script has to announce with targetAddressSpace"
        )


def _local_network(request: Request, page: Origin | None, target: Origin) -> Iterator[str]:
    space = address_space(target.host)
    if space is None or space is AddressSpace.PUBLIC:
        return
    from_space = None if page is None else address_space(page.host)
    if from_space is not None and from_space <= space:
        return
    name = space.name.lower()
    condition = "" if from_space is not None else ", if the page itself comes from a more public one"
    how = (
        "a page over http may not at all"
        if page is not None and page.scheme == "http" and not is_loopback(page.host)
        else "the person at the browser is asked for permission first"
    )
    yield (
        f"the target is a {name} address: in Chromium from version 142 on (Firefox follows) {how}{condition}. Without it "
        "nothing reaches the gateway, no header helps, and the console says “Permission was denied for this request to "
        f"access the `{name}` address space” (Local Network Access)"
    )


def _cookies(page: Origin | None, target: Origin, request: Request) -> str:
    if page is None:
        return "a page without an origin of its own is another site: cookies need SameSite=None; Secure to go along"
    if is_same_site(page, target):
        return "page and gateway are one site: cookies go along whatever their SameSite says"
    if target.scheme != "https" and not is_loopback(target.host):
        return (
            "page and gateway are different sites: cookies would need SameSite=None, which browsers take only with Secure"
            ", and over http there is no Secure: none go along"
        )
    kept_out = {
        Browser.FIREFOX: "Firefox keeps those of other sites apart for each page (Total Cookie Protection)",
        Browser.WEBKIT: "Safari sends none of other sites unless the visitor lets it (Intelligent Tracking Prevention)",
        Browser.CHROMIUM: "Chrome sends them unless the visitor has blocked third-party cookies",
    }
    chosen = kept_out.values() if request.browser is None else [kept_out[request.browser]]
    return (
        "page and gateway are different sites: cookies go along only with SameSite=None; Secure. "
        + "; ".join(chosen)
    )


def _parsed(origin: str | None) -> Origin | None:
    return None if origin in (None, "null") else parse_origin((origin or "").encode())
