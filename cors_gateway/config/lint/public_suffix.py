"""Names under which strangers can register: the Public Suffix List, in the dated copy that is installed.

The private section counts as well: who owns a page under github.io is nobody's business but its author's.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList


def is_open_to_registration(base: str) -> bool:
    """Tell whether anyone can obtain a name directly or two levels below `base`.

    Unknown top-level names (`internal`, `localhost`) are private networks, not registries.
    """
    name = base.removesuffix(".")
    suffixes = _suffixes()
    # A rule such as *.compute.example makes every child a registry, which its parent covers as well.
    return bool(suffixes.is_public(name) or suffixes.is_public(f"any-label.{name}"))


def is_public_suffix(name: str) -> bool:
    """Tell whether browsers refuse a cookie for `name` and all below it."""
    return bool(_suffixes().is_public(name.lower().removesuffix(".")))


def registrable_name(host: str) -> str | None:
    """The part of a host that belongs to one owner, its site: `example.co.uk` of `app.example.co.uk`.

    None for a public suffix itself, an address, and a name that is in no registry.
    """
    site: str | None = _suffixes().privatesuffix(host.removesuffix("."))
    return site


def is_registry(base: str) -> bool:
    """Tell whether names under `base` are domains of their own, sold by a registry, and not parts of somebody's service."""
    name = base.removesuffix(".")
    suffixes = _registries()
    return bool(suffixes.is_public(name) or suffixes.is_public(f"any-label.{name}"))


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes longer than checking most configurations, and few need it.
    return PublicSuffixList(accept_unknown=False)


def is_given_to_anybody(host: str) -> bool:
    """Tell whether the host is a name that a hosting service hands out, such as one below github.io."""
    name = host.removesuffix(".")
    return bool(_suffixes().publicsuffix(name) != _registries().publicsuffix(name))


@cache
def _registries() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)
