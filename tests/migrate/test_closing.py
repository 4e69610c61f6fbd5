"""Nobody reaches through the gateway what nginx kept from them: the routes that refuse, and where they are needed."""

from pathlib import Path

import pytest

from cors_gateway.migrate.nginx.importer import import_nginx

OPEN = "location / { proxy_pass http://b; }"


def closed(tmp_path: Path, text: str) -> list[tuple[tuple[str, ...], str, tuple[str, ...]]]:
    """Hosts, paths and extensions of the routes that refuse."""
    path = tmp_path / "site.conf"
    path.write_text(text)
    return [
        (route.hosts, route.path, route.extensions) for route in import_nginx([path]).routes if route.refuse
    ]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("location /x { auth_basic staff; proxy_pass http://b; }", "/x"),
        ("location /x { auth_request /login; proxy_pass http://b; }", "/x"),
        ("location /x { allow 10.0.0.0/8; deny all; proxy_pass http://b; }", "/x"),
        ("location /x { internal; proxy_pass http://b; }", "/x"),
        ("location /x { if ($http_x_key != 7) { return 403; } proxy_pass http://b; }", "/x"),
        ("location /x { proxy_pass http://$http_x_where; }", "/x"),
        ("location /x { rewrite ^/x/([0-9]+)/(.*)$ /$2/$1 break; proxy_pass http://b; }", "/x"),
        ("location /x { root /srv; }", "/x"),
        ("location /x { return 200 fine; }", "/x"),
        ("location /x { fastcgi_pass unix:/run/php.sock; }", "/x"),
        ("location ~ /\\.git { deny all; }", "/.git"),
        ("location ~ ^/x/[0-9]+$ { auth_basic staff; proxy_pass http://b; }", "/x/"),
    ],
)
def test_a_path_below_a_broader_route_is_closed(tmp_path: Path, location: str, path: str) -> None:
    assert closed(tmp_path, f"server {{ {location} {OPEN} }}") == [((), path, ())]


def test_without_a_broader_route_nothing_needs_closing(tmp_path: Path) -> None:
    text = "server { location /x { auth_basic staff; proxy_pass http://b; } location /y { proxy_pass http://b; } }"

    assert closed(tmp_path, text) == []


def test_an_address_that_is_let_in_before_all_others_are_not_kept_out(tmp_path: Path) -> None:
    assert closed(tmp_path, f"server {{ location /x {{ allow all; proxy_pass http://b; }} {OPEN} }}") == []


def test_a_password_that_is_switched_off_guards_nothing(tmp_path: Path) -> None:
    text = f"server {{ auth_basic staff; location /x {{ auth_basic off; proxy_pass http://b; }} {OPEN} }}"

    assert closed(tmp_path, text) == []


def test_ends_of_paths_are_closed_under_every_prefix(tmp_path: Path) -> None:
    text = f"server {{ location ~ \\.php$ {{ deny all; }} location /a/ {{ proxy_pass http://a; }} {OPEN} }}"

    assert closed(tmp_path, text) == [((), "/a/", ("php",)), ((), "/", ("php",))]


def test_a_prefix_that_forbids_expressions_keeps_its_paths(tmp_path: Path) -> None:
    text = (
        f"server {{ location ~ \\.php$ {{ deny all; }} location ^~ /a/ {{ proxy_pass http://a; }} {OPEN} }}"
    )

    assert closed(tmp_path, text) == [((), "/", ("php",))]


def test_methods_that_nginx_leaves_out_are_closed(tmp_path: Path) -> None:
    text = f"server {{ location /x {{ limit_except GET {{ deny all; }} proxy_pass http://b; }} {OPEN} }}"

    assert closed(tmp_path, text) == [((), "/x", ())]


def test_a_named_server_keeps_to_its_locations(tmp_path: Path) -> None:
    named = "server { server_name a.example; location /x { proxy_pass http://a; } }"

    assert closed(tmp_path, f"{named} server {{ server_name _; {OPEN} }}") == [(("a.example",), "/", ())]


def test_names_of_a_server_that_is_left_out_stay_closed(tmp_path: Path) -> None:
    left_out = "server { server_name a.b.example; return 204; }"

    assert closed(tmp_path, f"{left_out} server {{ server_name *.b.example; {OPEN} }}") == [
        (("a.b.example",), "/", ())
    ]
