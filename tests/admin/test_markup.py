"""Text stays text, whatever it looks like."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.admin.page.markup import Child, Markup, join, tag


class Reader(HTMLParser):
    """What a browser would make of it: elements with attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize(
    ("child", "html"),
    [
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("<script>alert('1')</script>", "<p>&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;</p>"),
        (Markup("<b>bold</b>"), "<p><b>bold</b></p>"),
        (tag("b", "<"), "<p><b>&lt;</b></p>"),
        (tag("b", "x") + "<", "<p>&lt;b&gt;x&lt;/b&gt;&lt;</p>"),
        (["a", tag("i", "b"), None, 3, 1.5], "<p>a<i>b</i>31.5</p>"),
        ((each for each in ("<", ">")), "<p>&lt;&gt;</p>"),
        (None, "<p></p>"),
        ("", "<p></p>"),
    ],
)
def test_only_markup_is_markup(child: Child, html: str) -> None:
    assert tag("p", child) == html


def test_attributes_are_quoted_left_out_or_without_value() -> None:
    written = tag("input", class_='a"b', aria_label="<&>", checked=True, disabled=False, list=None, size=3)

    assert written == '<input class="a&quot;b" aria-label="&lt;&amp;&gt;" checked size="3">'


def test_empty_elements_have_no_end() -> None:
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert tag("rect", x=1) == '<rect x="1"/>'
    assert tag("div") == "<div></div>"


@given(st.text(), st.text())
def test_no_text_becomes_an_element_or_leaves_its_attribute(text: str, value: str) -> None:
    read = Reader(join((tag("p", text, title=value), tag("i", [text]))))

    assert [name for name, _ in read.elements] == ["p", "i"]
    if not set(text + value) & {"\r", "\0", "\x0c"}:  # what HTML parsers replace by themselves
        assert read.text == text + text
        assert read.elements[0][1] == {"title": value}
