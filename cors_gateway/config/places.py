"""Where a configuration is looked for when nobody says where it is. Imports nothing heavy: help texts ask."""

from pathlib import Path

VARIABLE = "CORS_GATEWAY_CONFIG"
PLACES = (Path("config"), Path("/etc/cors-gateway"))
"""Tried in this order, after the variable."""

STANDARD_INPUT = Path("-")
"""In place of a file. What it includes is found from the working directory."""


def default_path() -> Path:
    """The first of the places that exists; else the last, whose absence will be reported."""
    return next((place for place in PLACES if place.exists()), PLACES[-1])


def advice() -> str:
    """What to do where there is no configuration."""
    places = " and ".join(f"./{place}" if not place.is_absolute() else str(place) for place in PLACES)
    return (
        f"without -c, ${VARIABLE}, {places} are tried in this order; "
        "cors-gateway init writes a first configuration"
    )
