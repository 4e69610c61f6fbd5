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


def registrable_name(host: str) -> str | None:
    """The part of a host that belongs to one owner, its site: `example.co.uk` of `app.example.co.uk`.

    None for a public suffix itself, an address, and a name that is in no registry.
    """
    site: str | None = _suffixes().privatesuffix(host.removesuffix("."))
    return site


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list takes longer than checking most configurations, and few need it.
    return PublicSuffixList(accept_unknown=False)
