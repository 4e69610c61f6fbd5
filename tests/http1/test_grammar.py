"""The lexical rules, over raw bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import (
    connection_options,
    has_only_value_bytes,
    is_token,
    is_valid_host,
    is_value,
    list_elements,
    parse_content_length,
    split_field_line,
    without_default_port,
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"Accept: */*", (b"Accept", b"*/*")),
        (b"X-Empty:", (b"X-Empty", b"")),
        (b"X-W: \t a b \t ", (b"X-W", b"a b")),
        (b"X-Name: caf\xe9", (b"X-Name", b"caf\xe9")),
        (b"X-Colons: a:b:c", (b"X-Colons", b"a:b:c")),
    ],
)
def test_a_field_line_is_a_name_and_a_trimmed_value(line: bytes, expected: tuple[bytes, bytes]) -> None:
    assert split_field_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no colon",
        b": nothing before",
        b"X-A : space before colon",
        b"X-A\t: tab before colon",
        b" X-A: folded",
        b"X(A): delimiter",
        b"X-\xe9: high byte in the name",
        b"Content-Length\x85: 5",
        b"X-A: a\x00b",
        b"X-A: a\rb",
        b"X-A: a\nb",
        b"X-A: a\x7fb",
        b"X-A: a\x0bb",
    ],
)
def test_what_is_not_a_field_line_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        split_field_line(line)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"0", 0), (b"5", 5), (b"0005", 5), (b"010", 10), (b"9223372036854775807", 2**63 - 1)],
)
def test_a_content_length_is_decimal_digits(value: bytes, expected: int) -> None:
    assert parse_content_length(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"+5", b"-5", b"0x5", b"5x", b"5 5", b"5, 5", b'"5"', b"5.0", b"1_0", b"5\n", b"\xb2"),
        *("٥".encode(), b"9223372036854775808", b"99999999999999999999999"),
    ],
)
def test_any_other_content_length_is_refused(value: bytes) -> None:
    with pytest.raises(ProtocolFault):
        parse_content_length(value)


@pytest.mark.parametrize(
    "host",
    [
        *(b"gw.test", b"GW.test:8080", b"gw.test.", b"gw.test:", b"127.0.0.1", b"[::1]", b"[::1]:8080"),
        *(b"my_host.example", b"a%2db.example", b"localhost", b"x:65535", b"xn--bcher-kva.example"),
    ],
)
def test_these_are_hosts(host: bytes) -> None:
    assert is_valid_host(host)


@pytest.mark.parametrize(
    "host",
    [
        *(
            b"",
            b"a b",
            b"a, b",
            b"a@b",
            b"a/b",
            b"a\\b",
            b"a?b",
            b"a#b",
            b"x:98777",
            b"x:-1",
            b"x:1a",
            b"x:1:2",
        ),
        *(
            b"[::1",
            b"::1]",
            b"[]",
            b"[127.0.0.1]",
            b"..gw.test",
            b"a..b",
            b".",
            b"caf\xe9",
            b"a%2",
            b"gw.test\n",
        ),
        b"a" * 256,
    ],
)
def test_these_are_no_hosts(host: bytes) -> None:
    assert not is_valid_host(host)


def test_connection_options_are_lower_case_tokens() -> None:
    assert connection_options(b"Close, ,X-Drop") == {b"close", b"x-drop"}


@pytest.mark.parametrize("value", [b'"x, y', b"a b", b",".join(b"x%d" % n for n in range(40))])
def test_connection_fields_that_are_no_short_list_of_tokens_are_refused(value: bytes) -> None:
    with pytest.raises(ProtocolFault):
        connection_options(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"gw.test", b"GW.TEST:80"), (b"gw.test:443", b"gw.test"), (b"gw.test:", b"gw.test")],
)
def test_a_default_port_makes_no_other_authority(one: bytes, other: bytes) -> None:
    assert without_default_port(one) == without_default_port(other)


@given(st.binary(max_size=60))
def test_nothing_but_a_fault_comes_out_of_any_bytes(data: bytes) -> None:
    for read in (split_field_line, parse_content_length, connection_options):
        try:
            read(data)
        except ProtocolFault as fault:
            assert fault.status == 400
    assert isinstance(is_valid_host(data), bool)
    assert all(list_elements(data))


@given(st.binary(min_size=1, max_size=40))
def test_a_token_is_also_a_value(data: bytes) -> None:
    assert has_only_value_bytes(data) or not is_token(data)


@given(st.binary(max_size=4))
def test_a_value_goes_on_as_it_is_if_nothing_is_wrong_or_blank_around_it(data: bytes) -> None:
    assert is_value(data) == (data != b"" and has_only_value_bytes(data) and data == data.strip(b" \t"))


@pytest.mark.parametrize("byte", range(256))
def test_which_bytes_may_stand_in_a_value(byte: int) -> None:
    may_stand = byte == 0x09 or 0x20 <= byte <= 0x7E or byte >= 0x80
    assert has_only_value_bytes(b"a%cb" % byte) == is_value(b"a%cb" % byte) == may_stand
    assert is_value(bytes([byte])) == (may_stand and byte not in b" \t")
