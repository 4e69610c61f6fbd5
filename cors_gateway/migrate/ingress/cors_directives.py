"""enable-cors and its companions as the directives that ingress-nginx writes for them.

Without its own annotation an origin is everybody, and credentials are allowed. A value that the controller does not take
counts as none, so a slash at the end of one origin opens the list to everybody. With a star the answer is a literal star,
which no browser accepts together with credentials.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cors_gateway.migrate.ingress.annotations import Annotation, Annotations
from cors_gateway.migrate.ingress.directives import directive
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.findings import finding
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.outcome import Finding
from cors_gateway.policy.pattern import is_pattern
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.spelling import repair

DEFAULT_METHODS = "GET, PUT, POST, DELETE, PATCH, OPTIONS"
DEFAULT_HEADERS = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization"
DEFAULT_MAX_AGE = 1_728_000
COMPANIONS = (
    "cors-allow-origin",
    "cors-allow-methods",
    "cors-allow-headers",
    "cors-expose-headers",
    "cors-allow-credentials",
    "cors-max-age",
)
_TAKEN_LIST = re.compile(r"(?:[A-Za-z0-9.,-]|:[0-9]|(?<=[a-z])://|\*\.)*|\*")
_TAKEN_ORIGIN = re.compile(r"[a-z]+://(?:\*\.)?[A-Za-z0-9.-]*(?::[0-9]+)?|null")
_TAKEN_METHODS = re.compile(r"[A-Za-z]+(?:(?:,\s?|\s)[A-Za-z]+)*(?:,\s?|\s)?")
_TAKEN_HEADERS = re.compile(r"[A-Za-z0-9_, -]*")
_TAKEN_EXPOSED = re.compile(r"[A-Za-z0-9_*-]+(?:(?:,\s?|\s)[A-Za-z0-9_*-]+)*(?:,\s?|\s)?")
_LABEL = r"[A-Za-z0-9\-]+"
"""What a star stands for: one label."""


@dataclass(slots=True)
class CorsDirectives:
    """What an Ingress makes of CORS."""

    directives: tuple[Directive, ...] = ()
    findings: list[Finding] = field(default_factory=list)
    defaults: set[tuple[str, int]] = field(default_factory=set)
    """Places of values that nobody wrote."""


def cors_directives(annotations: Annotations) -> CorsDirectives:
    """Read the annotations of one Ingress."""
    made = CorsDirectives()
    enable = annotations.get("enable-cors")
    if enable is None or not enable.boolean:
        written = [annotations.all[name] for name in COMPANIONS if name in annotations.all]
        if enable is not None and enable.boolean is None:
            made.findings.append(_invalid(enable, "false"))
        if written and not (enable is not None and enable.boolean is False):
            made.findings.append(finding("cors_not_enabled", written[0].node))
        return made
    reader = _Reader(annotations, enable, made)
    made.directives = tuple(reader.read())
    return made


class _Reader:
    def __init__(self, annotations: Annotations, enable: Annotation, made: CorsDirectives) -> None:
        self._annotations = annotations
        self._enable = enable
        self._made = made
        made.defaults.add((enable.node.file, enable.node.line))

    def read(self) -> Iterator[Directive]:
        origins, at, has_credentials = self._origins()
        if not origins:
            return
        if origins == ["*"]:
            yield directive("set", "$http_origin", "*", at=at)
            yield directive("set", "$cors", "true", at=at)
        else:
            expression = f"^({'|'.join(f'({_expression(origin)})' for origin in origins)})$"
            inner = (directive("set", "$cors", "true", at=at),)
            yield directive(
                "if", "$http_origin", "~*", expression, at=at, block=inner, written=self._written()
            )
        on_options = (directive("set", "$cors", "${cors}options", at=at),)
        yield directive("if", "$request_method", "=", "OPTIONS", at=self._enable.node, block=on_options)
        headers = (*self._headers(at, has_credentials),)
        yield directive("if", "$cors", "=", "true", at=at, block=headers)
        answer = (*headers, directive("return", "204", at=self._enable.node))
        yield directive("if", "$cors", "=", "trueoptions", at=at, block=answer)

    def _headers(self, at: Node, has_credentials: bool) -> Iterator[Directive]:
        yield self._header("Access-Control-Allow-Origin", "$http_origin", at)
        credentials = self._annotations.get("cors-allow-credentials")
        if has_credentials:
            node = credentials.node if credentials is not None else self._enable.node
            yield self._header("Access-Control-Allow-Credentials", "true", node)
        yield self._listed(
            "cors-allow-methods", "Access-Control-Allow-Methods", _TAKEN_METHODS, DEFAULT_METHODS
        )
        yield self._listed(
            "cors-allow-headers", "Access-Control-Allow-Headers", _TAKEN_HEADERS, DEFAULT_HEADERS
        )
        if self._annotations.get("cors-expose-headers") is not None:
            yield self._listed("cors-expose-headers", "Access-Control-Expose-Headers", _TAKEN_EXPOSED, "")
        age = self._annotations.get("cors-max-age")
        if age is not None and age.integer is None:
            self._once(_invalid(age, str(DEFAULT_MAX_AGE)))
        written = age.integer if age is not None else None
        node = age.node if age is not None and age.integer is not None else self._enable.node
        yield self._header(
            "Access-Control-Max-Age", str(DEFAULT_MAX_AGE if written is None else written), node
        )

    def _origins(self) -> tuple[list[str], Node, bool]:
        """The origins that count, where they stand, and whether credentials are allowed."""
        has_credentials = self._credentials()
        found = self._annotations.all.get("cors-allow-origin")
        if found is None:
            self._once(finding("everybody_by_default", self._enable.node))
            return ["*"], self._enable.node, has_credentials
        squeezed = found.value.replace(" ", "")
        if not found.value.strip():
            self._once(finding("everybody_by_default", found.node))
            return ["*"], found.node, has_credentials
        if _TAKEN_LIST.fullmatch(squeezed) is None:
            meant = self._meant(found)
            self._once(finding("invalid_list_is_star", found.node, value=quoted(found.value.strip())))
            return (meant or ["*"]), found.node, has_credentials and not meant
        origins: list[str] = []
        for text in filter(None, squeezed.split(",")):
            if text == "*":
                return ["*"], found.node, has_credentials
            if _TAKEN_ORIGIN.fullmatch(text):
                origins.append(text)
            else:
                self._once(finding("origin_skipped", found.node, value=quoted(text)))
        if has_credentials and origins and "cors-allow-credentials" not in self._annotations.all:
            self._once(finding("credentials_by_default", self._enable.node))
        return origins, found.node, has_credentials

    def _meant(self, found: Annotation) -> list[str]:
        """The origins of a list that the controller refuses as a whole, mended; none if there is a star among them."""
        texts = [text for text in re.split(r"[\s,;|]+", found.value) if text]
        mended = [text if _TAKEN_ORIGIN.fullmatch(text) else repair(text) for text in texts]
        fit = [text for text in mended if _TAKEN_ORIGIN.fullmatch(text) and is_pattern(text)]
        return list(dict.fromkeys(fit)) if "*" not in texts else []

    def _credentials(self) -> bool:
        found = self._annotations.all.get("cors-allow-credentials")
        if found is None:
            return True
        if found.boolean is None:
            self._once(_invalid(found, "true"))
            return True
        return found.boolean

    def _listed(self, name: str, header: str, taken: re.Pattern[str], default: str) -> Directive:
        found = self._annotations.get(name)
        if found is not None and taken.fullmatch(found.value.strip()):
            return self._header(header, found.value, found.node)
        if found is not None:
            self._once(_invalid(found, default or "none"))
        return self._header(header, default, self._enable.node)

    def _header(self, name: str, value: str, at: Node) -> Directive:
        return directive("more_set_headers", f"{name}: {value}", at=at, written=f"{name}: {value}")

    def _written(self) -> str:
        found = self._annotations.get("cors-allow-origin")
        return found.written if found is not None else self._enable.written

    def _once(self, found: Finding) -> None:
        if found not in self._made.findings:
            self._made.findings.append(found)


def _expression(origin: str) -> str:
    return re.escape(origin).replace(r"\*", _LABEL, 1).replace(r"\-", "-")


def _invalid(found: Annotation, default: str) -> Finding:
    return finding("annotation_invalid", found.node, value=quoted(found.value.strip()), default=default)
