"""Following the advice: the changes of a remedy, made to a configuration as plain values."""

from typing import Any

import yaml

from cors_gateway.explain.explanation import Change

LISTS = {"allow_origins", "allow_methods", "allow_headers", "public_origins", "methods"}


def apply(change: Change, document: dict[str, Any]) -> None:
    """Make one change in place, as somebody would who edits the file by the words of the change alone."""
    if change.key == "routes":
        document["routes"].append(
            {"name": "new", "path": change.values[0], "upstream": "backend", "cors": "app"}
        )
        return
    routes = {route["name"]: route for route in document["routes"]}
    if change.key == "cors":
        assert routes[change.route]["cors"] == change.old
        routes[change.route]["cors"] = yaml.safe_load(change.values[0])
        return
    if change.key == "methods":
        owner = routes[change.route]
    elif change.policy is not None:
        owner = document["policies"][change.policy]
    else:
        owner = routes[change.route]["cors"]
    values = list(change.values)
    if change.action == "add":
        owner[change.key] = [*owner[change.key], *values]
    elif change.action == "replace":
        owner[change.key] = [
            value for item in owner[change.key] for value in (values if item == change.old else [item])
        ]
    else:
        owner[change.key] = values if change.key in LISTS else yaml.safe_load(values[0])
