"""Names for routes, upstreams and policies: short, from what stands in the original, each once."""

import re

_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_MAX = 50
_RESERVED = frozenset({"disabled", "passthrough"})


class Namer:
    """Gives out names that were not given out before."""

    def __init__(self) -> None:
        self._taken = set(_RESERVED)

    def name(self, *wishes: str) -> str:
        """The first wish that is free, else the first with a number."""
        fit = [fitted for wish in wishes if (fitted := fit_name(wish))] or ["route"]
        for wish in fit:
            if wish not in self._taken:
                self._taken.add(wish)
                return wish
        number = 2
        while f"{fit[0]}-{number}" in self._taken:
            number += 1
        self._taken.add(f"{fit[0]}-{number}")
        return f"{fit[0]}-{number}"


def fit_name(text: str) -> str:
    """The text as a name may be; empty if nothing is left of it."""
    return _UNFIT.sub("-", text).strip("-_.")[:_MAX].rstrip("-_.")


def path_name(path: str) -> str:
    """A name for a path: its last segment that says something."""
    segments = [segment for segment in path.split("/") if segment]
    telling = [segment for segment in segments if not re.fullmatch(r"v\d+|api", segment)]
    return fit_name((telling or segments or [""])[-1])


def host_name(host: str) -> str:
    """A name for a host: its first label that is not a star or www."""
    labels = [label for label in host.split(".") if label not in ("*", "www", "")]
    return fit_name(host if host.replace(".", "").isdigit() else (labels or [""])[0])


def site_name(origin: str) -> str:
    """A name for an origin: the label below the public suffix, more or less."""
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", origin).replace("\\.", ".")
    host = re.split(r"[:/(]", host)[0]
    labels = [label for label in host.split(".") if re.fullmatch(r"[a-z0-9-]+", label)]
    if not labels:
        return ""
    if labels == ["localhost"] or host.replace(".", "").isdigit():
        return "development"
    return labels[-2] if len(labels) > 1 else labels[0]
