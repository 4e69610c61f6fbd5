"""The words for each defect: what a browser or an attacker makes of it, and what became of it in the translation.

`{…}` are words that the finder knows; a sentence with one that is missing falls back to its plain form.
"""

from dataclasses import dataclass

from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.outcome import Finding

SECURITY, BROKEN, RISK, NOISE = "security", "broken", "risk", "noise"


@dataclass(frozen=True, slots=True)
class Sentences:
    """What is said about a code."""

    severity: str
    message: str
    hint: str
    example: str = ""
    """Added to the message where the finder has an example."""


SENTENCES = {
    "reflects_any_with_credentials": Sentences(
        SECURITY,
        "Every origin is repeated, together with Allow-Credentials: any page that a visitor opens reads here with the visitor's cookies.",
        "Everybody may read without credentials now; list your own origins in the policy and give them allow_credentials: true.",
    ),
    "reflects_any": Sentences(
        SECURITY,
        "Every origin is repeated, which is a complicated star. If the backend ever sends Allow-Credentials itself, any page reads with its visitors' cookies.",
        'Written as allow_origins: ["*"]; list the origins if not everybody is meant.',
    ),
    "wildcard_with_credentials": Sentences(
        BROKEN,
        "Browsers refuse a star when credentials are included: requests with cookies fail, and those without never needed this line.",
        "The line is left out. If cookies are meant, list the origins and set allow_credentials: true.",
    ),
    "unanchored_regex": Sentences(
        SECURITY,
        "The expression is not tied to both ends of the value, so longer origins match as well.",
        "The whole value has to match now.",
        " {stranger} gets through.",
    ),
    "unescaped_dot": Sentences(
        SECURITY,
        "A dot without a backslash stands for any character, and somebody can register a name that has another one there.",
        "The dots are dots now.",
        " {stranger} gets through.",
    ),
    "no_label_boundary": Sentences(
        SECURITY,
        "What is left open runs into the name without a dot between them, so every name that ends like yours passes.",
        "The name itself and what is below it are allowed now, nothing that merely ends so.",
        " {stranger} gets through.",
    ),
    "public_suffix_origin": Sentences(
        SECURITY,
        "The open part stands directly under a name below which anybody can register: whoever takes such a name is let in.",
        "With credentials it is left out; list the names that are yours.",
        " {stranger} gets through.",
    ),
    "insecure_origin_with_credentials": Sentences(
        SECURITY,
        "A plain http origin may read with credentials: whoever replaces such a page on its way (an open wireless network is enough) acts as its visitor.",
        "http is left out of the policy with credentials; serve these pages over https.",
    ),
    "null_origin_allowed": Sentences(
        SECURITY,
        "null is the origin of every sandboxed frame, so any site can be it.",
        "It is left out. Pages opened from disk have no origin that could be told apart.",
    ),
    "private_network_any": Sentences(
        SECURITY,
        "Any public page may reach into the private network of whoever opens it.",
        "It is left out; with listed origins, allow_private_network: true gives it back to those.",
    ),
    "comma_list": Sentences(
        BROKEN,
        'Several origins in one value: a browser compares the whole of "{value}" with one origin, and refuses all of them.',
        "Written as a list: the origin that asks is the one that is answered.",
    ),
    "invalid_allow_origin": Sentences(
        BROKEN,
        '"{value}" is not what a browser sends as Origin (scheme, host, and a port if it is not the default one): it never matches.',
        "Read as what was probably meant: https where no scheme is written, without path or slash at the end, *. as all names below.",
    ),
    "duplicate_allow_origin": Sentences(
        BROKEN,
        "A second Allow-Origin in one answer: browsers read both as one value, and refuse it.",
        "All of them are in one list; the gateway sends the one that asked.",
    ),
    "inherited_lost": Sentences(
        BROKEN,
        "An add_header of its own makes {block} lose every add_header around it, Allow-Origin included: browsers refuse what is answered here.",
        "A branch that lost headers has the policy of its location. A location that lost all of them is passthrough: granting here what the outer level grants would open it.",
    ),
    "if_overrides_if": Sentences(
        BROKEN,
        "Of several if that match, the last one's headers count: this one silences the Allow-Origin of the if in line {line}.",
        "The branches are one policy now, so preflights and requests get the same answer.",
    ),
    "rewrite_break_before_if": Sentences(
        BROKEN,
        "break ends the rewrite directives, and if is one of them: the branch in line {line}, which answers OPTIONS, is never reached.",
        "The gateway answers preflights before it touches the path.",
    ),
    "always_missing": Sentences(
        BROKEN,
        "Without always, answers with 4xx and 5xx go without the header: scripts see a CORS failure instead of the error.",
        "The gateway's grant is on every answer, errors included.",
    ),
    "error_page_loses_cors": Sentences(
        BROKEN,
        "{target}, which answers these errors, has no Allow-Origin: scripts see a CORS failure instead of the error.",
        "The backend's own error goes out, with the grant.",
    ),
    "vary_missing": Sentences(
        RISK,
        "The answer depends on Origin and does not say so: a cache hands one site's answer to another, whose browser refuses it.",
        "The gateway sends Vary: Origin wherever it matters.",
    ),
    "options_swallowed": Sentences(
        RISK,
        "Every OPTIONS is answered here, also those that are no preflight: the backend's own OPTIONS (WebDAV, health checks, API descriptions) is out of reach.",
        "The gateway answers preflights only; other OPTIONS go to the backend.",
    ),
    "preflight_not_answered": Sentences(
        BROKEN,
        "Methods or headers are allowed, but OPTIONS is left to the backend: its 404, 405 or 401 fails every preflight.",
        "The gateway answers preflights itself.",
    ),
    "preflight_blocked": Sentences(
        BROKEN,
        "A preflight never carries credentials, so {guard} stops it, and with it every request that needs one.",
        "The gateway has no such guard, and keeps the location closed: let the backend check, behind a gateway that answers preflights.",
    ),
    "method_branch_missing": Sentences(
        BROKEN,
        "The preflight allows {methods}, but no branch adds Allow-Origin to such requests: they are sent, take effect, and cannot be read.",
        "The grant is on the answers to all methods.",
    ),
    "max_age_too_long": Sentences(
        NOISE,
        "{value} seconds: browsers keep a preflight for two hours (Chromium) or a day (Firefox) at most.",
        "Written as a day.",
    ),
    "star_list_with_credentials": Sentences(
        BROKEN,
        "With credentials, the star in {name} is the name of a header or method like any other, and allows nothing.",
        "With a list of origins the gateway repeats what is asked for; names of exposed headers have to be listed.",
    ),
    "header_name_typo": Sentences(
        BROKEN,
        "No browser knows {name}; it does nothing.",
        "Read as {meant}.",
    ),
    "cors_header_on_request": Sentences(
        NOISE,
        "{name} is a response header; sent to the backend it does nothing.",
        "Left out. add_header is what was meant, and the policy is what does it now.",
    ),
    "proxy_prefix_mismatch": Sentences(
        BROKEN,
        "One side ends in a slash and the other does not: {path} arrives at the backend as {arrives}.",
        "The gateway exchanges whole segments, so what was meant arrives.",
    ),
    "backend_duplicate": Sentences(
        RISK,
        "The backend's own Allow-Origin is not hidden: if it sends one, there are two, and browsers refuse both.",
        "The gateway removes what the backend sends.",
    ),
    "hide_incomplete": Sentences(
        RISK,
        "Allow-Origin of the backend is hidden, but its Allow-Credentials or Expose-Headers get through and join yours.",
        "The gateway removes all of the backend's CORS headers.",
    ),
    "preflight_headers_on_actual": Sentences(
        NOISE,
        "{name} means something in answers to preflights only; here it goes out with every answer.",
        "The gateway sends it with preflights.",
    ),
    "preflight_body_headers": Sentences(
        NOISE,
        "A 204 has no body that {name} could describe.",
        "Left out.",
    ),
    "allow_headers_forbidden_name": Sentences(
        NOISE,
        "Scripts cannot set {names}: listing them allows nothing.",
        "Left out; check refuses them.",
    ),
    "credentials_not_true": Sentences(
        NOISE,
        'Any value but true is as good as none, "{value}" too.',
        "No credentials are allowed.",
    ),
}
"""By code. The codes are stable."""

_RANK = (SECURITY, BROKEN, RISK, NOISE)


def finding_of(defect: Defect) -> Finding:
    """The defect in words."""
    said = SENTENCES[defect.code]
    words = _Words(defect.words)
    message = said.message.format_map(words)
    if "stranger" in defect.words:
        message += said.example.format_map(words)
    place = defect.directive.place
    return Finding(defect.code, said.severity, message, said.hint.format_map(words), place.file, place.line)


def rank(finding: Finding) -> int:
    """The worst first."""
    return _RANK.index(finding.severity)


class _Words(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "this"
