"""A whole file: the main one, and those it includes."""

from typing import Literal

from pydantic import Field

from cors_gateway.config.models.kinds import Name, Section
from cors_gateway.config.models.policy import ListedOrigin, PolicyKeys
from cors_gateway.config.models.route import ExpectationSection, RouteSection
from cors_gateway.config.models.server import AdminSection, AdminValue, ServerSection
from cors_gateway.config.models.upstream import UpstreamSection

VERSION = 1


class IncludedFile(Section):
    """A file named by `include`."""

    version: Literal[1] = Field(default=1, description="Version of the format.")
    origin_lists: dict[Name, list[ListedOrigin]] = Field(
        default={},
        description="Lists of origins by name, for the allow_origins of several policies: {list: name}.",
    )
    upstreams: dict[Name, UpstreamSection] = Field(default={}, description="Backends by name.")
    policies: dict[Name, PolicyKeys] = Field(default={}, description="Policies by name.")
    routes: list[RouteSection] = Field(
        default=[],
        description="Exact host, then *.host, then any; then the exact path, then the longest prefix wins, whatever the order here.",
    )
    tests: list[ExpectationSection] = Field(default=[], description="Run by cors-gateway test.")


class MainFile(IncludedFile):
    """The configuration of the gateway."""

    version: Literal[1] = Field(description="Version of the format.")
    server: ServerSection = Field(default=ServerSection(), description="The gateway as a server.")
    admin: AdminValue = Field(
        default=AdminSection(), description="The operators' listener; off, an address, or a mapping."
    )
    routes: list[RouteSection] = Field(
        description="Exact host, then *.host, then any; then the exact path, then the longest prefix wins, whatever the order here."
    )
    include: list[str] = Field(
        default=[],
        description="More files, relative to this one; * is a wildcard, and a pattern without a file a warning. The same name twice is an error.",
    )
