"""HTML by construction: text becomes HTML only through `tag`, which escapes whatever is not markup already.

Adding a plain string to markup gives a plain string, which is escaped again where it is used: a mistake shows as visible
angle brackets and never as somebody else's element.
"""

from collections.abc import Iterable
from html import escape

VOID = frozenset({"input", "link", "meta", "path", "line", "rect", "circle"})
"""Elements without an end tag here, the empty ones of SVG included."""

Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


Child = Markup | str | int | float | None | Iterable["Child"]


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. Attributes that are None or False are left out, True is written without a value.

    Names of attributes are written with underscores for dashes, and one at the end where Python reserves the word.
    """
    written = "".join(
        f" {_attribute_name(key)}" if value is True else f' {_attribute_name(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID and not children:
        return Markup(f"<{name}{written}{'/' if name in _SVG_VOID else ''}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Several pieces after one another, each escaped if it is no markup."""
    return Markup("".join(map(_render, children)))


_SVG_VOID = frozenset({"path", "line", "rect", "circle"})


def _render(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str | int | float):
        return escape(str(child))
    return join(child)


def _attribute_name(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")
