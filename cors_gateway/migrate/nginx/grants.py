"""The policies of a location: what its branches say together, as the rules of translation read it.

A star, or an origin that is repeated unchecked, is everybody without credentials. Known origins are entries. What browsers
would refuse, or whoever is in between could abuse, is left out and said beside the policy.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cors_gateway.migrate.nginx.origins import STRANGER, OriginEntry
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.spelling import meant_name
from cors_gateway.migrate.nginx.study import ASKED_HEADERS, ASKED_METHOD, ORIGIN, Observed, Study
from cors_gateway.migrate.outcome import DISABLED, PASSTHROUGH, Origin, Policy
from cors_gateway.migrate.policies import capped, header_names, method_names, sound, tokens

_RESOURCE_POLICIES = ("same-origin", "same-site", "cross-origin")
_NEVER_EXPOSED = ("access-control-", "set-cookie")


@dataclass(frozen=True, slots=True)
class Grants:
    """What a location grants: policies in the order in which they are asked, or a mode without any."""

    policies: tuple[Policy, ...] = ()
    mode: str = PASSTHROUGH
    withheld: tuple[tuple[Directive, str], ...] = ()
    """Directives that grant what no gateway should, and why they are left out."""
    comments: tuple[str, ...] = ()
    """For the route, where it has no policy."""


@dataclass(frozen=True, slots=True)
class _Said:
    """Values of the headers, from all branches."""

    values: dict[str, tuple[str, ...]]

    def of(self, key: str) -> tuple[str, ...]:
        return self.values.get(key, ())


def grants_of(study: Study) -> Grants:
    """Read a location."""
    said = _Said(_values(study))
    if not said.of(ORIGIN) and not study.refuses_strangers:
        return _without_grant(study)
    withheld = tuple(_withheld(study))
    policies = tuple(policy for policy in _policies(study, said) if policy is not None)
    if not policies:
        return Grants(mode=DISABLED, withheld=withheld, comments=_nobody(study))
    return Grants(policies, withheld=withheld)


def _without_grant(study: Study) -> Grants:
    if (hidden := study.place.hides(ORIGIN)) is not None:
        return Grants(
            mode=DISABLED,
            comments=(
                f"the backend's Access-Control-Allow-Origin is hidden ({hidden.place.file}:{hidden.place.line}), and none is added",
            ),
        )
    lost = study.place.own_headers()
    outer = study.place.parent
    if lost and outer is not None and any(line.key == ORIGIN for line in outer.headers()):
        first = lost[0].directive
        return Grants(
            comments=(
                f"its own {first.name} ({first.place.file}:{first.place.line}) silences the CORS headers around it:",
                "a policy here would open what nginx keeps closed",
            )
        )
    return Grants()


def _policies(study: Study, said: _Said) -> Iterator[Policy | None]:
    with_credentials = _entries(study, credentials=True)
    without = _entries(study, credentials=False)
    if not said.of(ORIGIN):
        yield _policy(study, said, study.known_origins, credentials=False)
        return
    if study.admits_everybody:
        if with_credentials and not study.is_credentialed_for_everybody:
            yield _policy(study, said, with_credentials, credentials=True)
        yield _policy(study, said, None, credentials=False)
        return
    if with_credentials:
        yield _policy(study, said, with_credentials, credentials=True)
    if without:
        yield _policy(study, said, without, credentials=False)


def _entries(study: Study, *, credentials: bool) -> list[OriginEntry]:
    chosen = [one.entry for one in study.admissions if one.has_credentials == credentials]
    if not credentials:
        own = {one.entry.text for one in study.admissions if one.has_credentials}
        chosen = [entry for entry in chosen if entry.text not in own]
    return list({entry.text: entry for entry in chosen}.values())


def _policy(
    study: Study, said: _Said, entries: list[OriginEntry] | None, *, credentials: bool
) -> Policy | None:
    """A policy for those entries; None for everybody."""
    comments: list[str] = []
    origins = [Origin("*")]
    if entries is not None:
        kept = [entry for entry in entries if not (credentials and (entry.is_insecure or entry.is_public))]
        origins = [Origin(entry.text, entry.is_regex) for entry in kept]
        comments += _left_out(study, entries, kept)
    if entries is None and (study.is_credentialed_for_everybody or _reflects(study)):
        comments += _open_comment(study)
    is_open = entries is None
    ages = [int(value) for value in said.of("access-control-max-age") if value.lstrip("-").isdecimal()]
    if any(age > capped(age) for age in ages):
        comments.append(f"max_age was {max(ages)}; no browser keeps a preflight for longer than a day")
    named = tokens(said.of("access-control-expose-headers"))
    exposed = [name for name in named if not name.lower().startswith(_NEVER_EXPOSED)]
    comments += [
        f"{name} is not exposed: it is written for browsers, no script needs it"
        for name in named
        if name not in exposed
    ]
    policy = Policy(
        allow_origins=tuple(origins),
        allow_methods=_methods(said),
        allow_headers=header_names(
            said.of("access-control-allow-headers"),
            repeats_any=any(ASKED_HEADERS in value for value in said.of("access-control-allow-headers")),
        ),
        expose_headers=tuple(exposed) or None,
        allow_credentials=credentials and not is_open,
        max_age=capped(_max_age(study, ages)) if ages else None,
        allow_private_network="true" in said.of("access-control-allow-private-network") and not is_open,
        on_disallowed_request="reject" if study.refuses_strangers and not is_open else None,
        forward_origin="strip" if _strips_origin(study) else None,
        timing_allow_origin="same-as-origins" if said.of("timing-allow-origin") else None,
        cross_origin_resource_policy=next(
            (value for value in said.of("cross-origin-resource-policy") if value in _RESOURCE_POLICIES), None
        ),
        websocket_origin_check=study.refuses_strangers and upgrades(study) and not is_open,
        comments=tuple(comments),
    )
    return sound(policy) if origins else None


def _methods(said: _Said) -> tuple[str, ...] | None:
    values = said.of("access-control-allow-methods")
    return ("*",) if any(ASKED_METHOD in value for value in values) else method_names(values)


def upgrades(study: Study) -> bool:
    """Whether the location passes WebSocket handshakes on."""
    return "upgrade" in study.place.request_headers()


def _strips_origin(study: Study) -> bool:
    origin = study.place.request_headers().get("origin")
    return origin is not None and len(origin.args) == 2 and origin.args[1] == ""


def _max_age(study: Study, ages: list[int]) -> int:
    """What goes out with preflights, if any does."""
    for origin in (study.welcome, STRANGER):
        value = study.preflight(origin or STRANGER).value_of("access-control-max-age")
        if value.lstrip("-").isdecimal():
            return int(value)
    return ages[0]


def _values(study: Study) -> dict[str, tuple[str, ...]]:
    """Every value that a branch gives to a header, by the name that was meant."""
    found: dict[str, dict[str, None]] = {}
    for seen in _all(study):
        for line, value in seen.said:
            found.setdefault(meant_name(line.key), {})[value] = None
    for line in study.lines:
        # A branch that no request reaches says what is meant all the same.
        if meant_name(line.key) not in found and "$" not in line.value and line.value:
            found[meant_name(line.key)] = {line.value: None}
    return {key: tuple(values) for key, values in found.items()}


def _all(study: Study) -> Iterator[Observed]:
    for origin in study.origins:
        yield from study.everything(origin)


def _reflects(study: Study) -> bool:
    return any(seen.says(ORIGIN, STRANGER) for seen in study.everything(STRANGER))


def _withheld(study: Study) -> Iterator[tuple[Directive, str]]:
    if not study.admits_everybody:
        return
    for seen in study.everything(STRANGER):
        if not any(line.key == ORIGIN for line, _ in seen.said):
            continue
        for line, value in seen.said:
            if line.key == "access-control-allow-credentials" and value == "true":
                yield line.directive, "credentials for every origin are refused; list the origins"
            if line.key == "access-control-allow-private-network" and value == "true":
                yield line.directive, "private network access is not for every origin; list the origins"


def _left_out(study: Study, entries: Iterable[OriginEntry], kept: Iterable[OriginEntry]) -> Iterator[str]:
    gone = [entry for entry in entries if entry not in list(kept)]
    insecure = [entry.text for entry in gone if entry.is_insecure]
    public = [entry.text for entry in gone if entry.is_public and not entry.is_insecure]
    if insecure:
        yield f"left out: {', '.join(insecure[:3])}{' …' if len(insecure) > 3 else ''}"
        yield "with credentials, whoever replaces a plain http page on its way acts as its visitor"
    if public:
        yield f"left out: {', '.join(public[:3])}{' …' if len(public) > 3 else ''}: anybody can register such a name"
    if any("null_origin_allowed" in reading.faults for reading in study.tests.values()):
        yield "left out: null, the origin of every sandboxed frame"


def _open_comment(study: Study) -> Iterator[str]:
    if not study.is_credentialed_for_everybody:
        yield "nginx repeated every origin, which is a complicated star"
    elif _reflects(study):
        yield "nginx let every site read with the cookies of its visitors. Which ones were meant is not known, so"
        yield "everybody may read without them; list your front ends and set allow_credentials: true to give cookies back"
    else:
        yield 'credentials left out: browsers refuse them next to "*", so they never worked'


def _nobody(study: Study) -> tuple[str, ...]:
    return ("no origin is left that could be allowed: see the report",)
