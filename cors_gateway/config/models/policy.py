"""`policies:`: how pydantic reads a written policy. The keys themselves are in `config/written_policy.py`."""

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar

from pydantic import GetJsonSchemaHandler, Tag
from pydantic_core import core_schema

from cors_gateway.config.models.kinds import DURATION_PATTERN, MAPPING, FromMapping, Text, either, fault
from cors_gateway.config.syntax.units import UnitFault, parse_duration
from cors_gateway.config.written_policy import RegexEntry, WrittenPolicy
from cors_gateway.policy.quoting import quoted

MAX_AGE_TYPE = "max_age.type"

NULLABLE = frozenset({"timing_allow_origin", "cross_origin_resource_policy"})
"""Keys whose default may be written out as null."""

_METADATA = {key.name: key.metadata for key in fields(WrittenPolicy)}


class MaxAge:
    """Whole seconds, as a number or as a duration with its unit."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 86400},
                {"type": "string", "pattern": DURATION_PATTERN},
            ]
        }

    @staticmethod
    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float):
            raise fault(
                MAX_AGE_TYPE, f"{value} is not a whole number of seconds", "write it without the point"
            )
        if not isinstance(value, str):
            raise fault(MAX_AGE_TYPE, "seconds (600) or a duration (10m) is expected")
        if value.isascii() and value.isdigit():
            raise fault(
                MAX_AGE_TYPE, f"{quoted(value)} is text", f"write {value} without quotes, or {value}s"
            )
        seconds = parse_duration(value)
        if isinstance(seconds, UnitFault):
            raise fault(
                MAX_AGE_TYPE,
                f"{quoted(value)} is {seconds.message}",
                "write seconds (600) or a duration (10m)",
            )
        if seconds != int(seconds):
            raise fault(
                MAX_AGE_TYPE, f"{quoted(value)} is not a whole number of seconds", "browsers count in seconds"
            )
        return int(seconds)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """The origins of a list that several policies share."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"strict": True, "extra": "forbid"}

    list: str = field(metadata={"description": "Name of an entry of origin_lists."})


@dataclass(frozen=True, slots=True)
class SplitEntry:
    """Origins in one text, such as an environment variable."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"strict": True, "extra": "forbid"}

    split: str = field(
        metadata={
            "description": 'Origins, cut apart at commas and white space; none in "${ORIGINS:-}" as long as it is not set.'
        }
    )


_Regex = Annotated[RegexEntry, FromMapping(), Tag(MAPPING.format("regex"))]
_Split = Annotated[SplitEntry, FromMapping(), Tag(MAPPING.format("split"))]
_List = Annotated[ListEntry, FromMapping(), Tag(MAPPING.format("list"))]
OriginEntry = Annotated[
    Text[str] | _Regex | _List | _Split,
    either(
        "an origin in quotes, or a mapping with the key regex, list or split, is expected",
        "regex",
        "list",
        "split",
    ),
]
ListedOrigin = Annotated[
    Text[str] | _Regex | _Split,
    either(
        "an origin in quotes, or a mapping with the key regex or split, is expected",
        "regex",
        "split",
    ),
]
"""An entry of `origin_lists`: lists do not nest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySection(WrittenPolicy):
    """Who may read responses across origins, and with which requests."""

    # Two keys are written in more than one way; a redefined key keeps its place. What refers to other origins is gone
    # once `compile/origin_lists.py` has seen it.
    allow_origins: tuple[OriginEntry, ...] | None = field(  # type: ignore[assignment]
        default=None, metadata=_METADATA["allow_origins"]
    )
    max_age: Annotated[int, MaxAge()] | None = field(default=None, metadata=_METADATA["max_age"])


PolicyKeys = Annotated[PolicySection, FromMapping()]
"""A policy in a file."""
