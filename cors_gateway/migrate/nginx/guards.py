"""What nginx guards in a way that the gateway cannot: passwords, sub-requests, addresses, client certificates, `internal`."""

from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.scope import Scope

_AUTH = (
    "auth_basic",
    "auth_request",
    "auth_jwt",
    "auth_ldap",
    "auth_pam",
    "auth_digest",
    "access_by_lua_block",
)
_OFF = "off"


def guards_of(place: Scope, method: str = "GET") -> list[Directive]:
    """The directives that keep some clients from a location. `limit_except` counts for the methods that it leaves out."""
    found: list[Directive] = []
    for name in _AUTH:
        directive = place.one(name)
        if directive is not None and directive.args[:1] != (_OFF,):
            found.append(directive)
    if (deny := _denying(place.effective("allow", "deny"))) is not None:
        found.append(deny)
    limits = place.own("limit_except")
    found += [limit for limit in limits if limit.block and method not in limited_methods(limit)]
    if (verify := place.one("ssl_verify_client")) is not None and verify.args == ("on",):
        found.append(verify)
    found += place.own("internal")
    return found


def limited_methods(limit: Directive) -> tuple[str, ...]:
    """The methods that `limit_except` leaves alone; GET includes HEAD."""
    names = tuple(name.upper() for name in limit.args)
    return (*names, "HEAD") if "GET" in names and "HEAD" not in names else names


def _denying(rules: tuple[Directive, ...]) -> Directive | None:
    """The first rule that turns somebody away, unless everybody was let in before."""
    for rule in rules:
        if rule.name == "allow" and rule.args == ("all",):
            return None
        if rule.name == "deny":
            return rule
    return None
