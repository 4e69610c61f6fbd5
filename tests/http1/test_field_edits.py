"""Header fields that a route sets and removes, as bytes."""

from cors_gateway.http1.field_edits import compile_edits


def test_what_is_set_takes_the_place_of_what_came() -> None:
    edits = compile_edits([("X-Api-Key", "s3cret"), ("X-Name", "é")], ["cookie"])
    assert edits is not None

    assert edits.lines == b"X-Api-Key: s3cret\r\nX-Name: \xc3\xa9\r\n"
    assert edits.dropped == {b"x-api-key", b"x-name", b"cookie"}
    assert edits.kept(
        [(b"x-api-key", b"X-API-KEY: forged"), (b"accept", b"Accept: */*"), (b"cookie", b"Cookie: a=b")]
    ) == [b"Accept: */*"]


def test_nothing_to_do_is_nothing_at_all() -> None:
    assert compile_edits([], []) is None
