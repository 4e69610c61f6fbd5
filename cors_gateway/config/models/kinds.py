"""The types of single values: names, durations, sizes, addresses; each says what is wrong in its own words."""

import re
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
)
from pydantic_core import PydanticCustomError, core_schema

from cors_gateway.config.syntax.endpoints import EndpointFault, parse_listener, parse_networks, parse_server
from cors_gateway.config.syntax.units import UnitFault, format_duration, parse_duration, parse_size
from cors_gateway.policy.quoting import quoted

TYPE = "schema.type"
RANGE = "schema.range"

FIELD_NAME_PATTERN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"
DURATION_PATTERN = "^[0-9]{1,15}(ms|s|m|h|d)$"
SIZE_PATTERN = "^[0-9]{1,15}(B|KiB|MiB|GiB)$"

OFF = "off"

TEXT = "\0text"
LIST = "\0list"
MAPPING = "\0mapping {}"
"""Labels of the forms of a value; the zero keeps them apart from keys in the places of errors."""
_MAPPING_START = MAPPING.format("")

T = TypeVar("T")


class Section(BaseModel):
    """A mapping with known keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FromMapping:
    """Read a dataclass as a `Section` is read: strictly, but from mappings, and tuples from lists."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        schema = handler(source)
        section: Any = handler.resolve_ref_schema(schema)
        section["strict"] = False
        for key in section["schema"]["fields"]:
            value = key["schema"]
            while value["type"] in ("default", "nullable"):
                value = value["schema"]
            if value["type"] == "tuple":
                value["strict"] = False
        return schema


def fault(code: str, message: str, hint: str = "") -> PydanticCustomError:
    """A mistake in a value, in the words that the operator will read."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def either(what: str, *keys: str) -> Discriminator:
    """Choose between a text, a list and a mapping by looking, so that mistakes are reported for the form that was written.

    `keys` tell several mappings apart: each is labelled by the key that it has, or that one of its keys is a slip of.
    """

    def form_of(value: object) -> str | None:
        if isinstance(value, str):
            return TEXT
        if isinstance(value, list):
            return LIST
        if not isinstance(value, dict | BaseModel) and not is_dataclass(value):
            return None
        held = value if isinstance(value, dict) else value.__annotations__
        meant = (match for key in held for match in get_close_matches(str(key), keys, n=1, cutoff=0.7))
        return MAPPING.format(next(meant, keys[0] if keys else ""))

    return Discriminator(form_of, custom_error_type=TYPE, custom_error_message=what)


def is_form(step: str | int) -> bool:
    """Whether a step in the place of an error is one of the labels."""
    return isinstance(step, str) and (step in (TEXT, LIST) or step.startswith(_MAPPING_START))


@dataclass(frozen=True, slots=True)
class SecretText:
    """A text that may be a secret: what is wrong with it is said without repeating it."""

    code: str
    what: str
    """What it is, in a message."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string"}

    def check(self, value: object) -> str:
        if not isinstance(value, str):
            hint = "put the value or its reference in double quotes"
            raise fault(self.code, f"{self.what} is not text", hint)
        return value


@dataclass(frozen=True, slots=True)
class DurationRange:
    """A duration with its unit; the value is seconds."""

    least: str = "1ms"
    most: str = "1d"

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": DURATION_PATTERN}

    def check(self, value: object) -> float:
        if isinstance(value, int) and not isinstance(value, bool):
            raise fault(TYPE, f"{value} has no unit", f'write "{value}s"')
        if not isinstance(value, str):
            raise fault(TYPE, "a duration such as 10s is expected")
        seconds = parse_duration(value)
        if isinstance(seconds, UnitFault):
            raise fault(TYPE, f"{quoted(value)} is {seconds.message}", seconds.hint)
        least, most = parse_duration(self.least), parse_duration(self.most)
        if isinstance(least, float) and isinstance(most, float) and not least <= seconds <= most:
            raise fault(RANGE, f"{quoted(value)} is not between {format_duration(least)} and {self.most}")
        return seconds


@dataclass(frozen=True, slots=True)
class SizeRange:
    """A size with its unit, or a plain number of bytes; 0 is no limit."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": SIZE_PATTERN}, {"type": "integer", "minimum": 0}]}

    def check(self, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise fault(TYPE, "a size such as 32KiB, or 0 for no limit, is expected")
        size = parse_size(value) if isinstance(value, str) else value
        if isinstance(size, UnitFault):
            raise fault(TYPE, f"{quoted(str(value))} is {size.message}", size.hint)
        if size != 0 and not self.least <= size <= self.most:
            raise fault(
                RANGE, f"{value} is not between {self.least} and {self.most} bytes", "0 means no limit"
            )
        return size


def name_fault(text: str) -> tuple[str, str] | None:
    """Message and hint for a text that cannot name an upstream, a policy or a route."""
    if re.fullmatch(NAME_PATTERN[1:-1], text):
        return None
    hint = "use letters, digits, dots, dashes and underscores, at most 63, a letter or digit first"
    return f"{quoted(text)} cannot be a name", hint


def _name(text: str) -> str:
    found = name_fault(text)
    if found is not None:
        raise fault("name.invalid", *found)
    return text


def _parsed_by(code: str, parse: Callable[[str], object]) -> Callable[[str], str]:
    """Keep the text, but refuse it if `parse` finds a fault."""

    def check(text: str) -> str:
        parsed = parse(text)
        if isinstance(parsed, EndpointFault):
            raise fault(code, parsed.message, parsed.hint)
        return text

    return check


def _admin_listener(text: str) -> object:
    if text == OFF:
        return OFF
    parsed = parse_listener(text)
    if isinstance(parsed, EndpointFault) and text.lower() in ("no", "none", "false", "disabled"):
        return EndpointFault(parsed.message, f"write {OFF}")
    return parsed


def _file_path(text: str) -> str:
    if not text or "\0" in text:
        raise fault("file.missing", f"{quoted(text)} names no file")
    return text


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
FieldName = Annotated[str, Field(json_schema_extra={"pattern": FIELD_NAME_PATTERN})]
Duration = Annotated[float, DurationRange()]
DurationOrZero = Annotated[float, DurationRange(least="0s")]
ListenAddress = Annotated[str, AfterValidator(_parsed_by("listen.invalid", parse_listener))]
AdminAddress = Annotated[str, AfterValidator(_parsed_by("admin.listen", parse_listener))]
AdminWord = Annotated[str, AfterValidator(_parsed_by("admin.listen", _admin_listener))]
ServerUrl = Annotated[str, AfterValidator(_parsed_by("upstreams.invalid", parse_server))]
TrustedNetwork = Annotated[str, AfterValidator(_parsed_by("trusted_proxies.invalid", parse_networks))]
FilePath = Annotated[str, AfterValidator(_file_path)]
Text = Annotated[T, Tag(TEXT)]
Keys = Annotated[T, Tag(MAPPING.format(""))]
Names = Annotated[T, Tag(LIST)]
