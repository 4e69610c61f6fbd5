"""What to do about each cause: a sentence or two for whoever operates the gateway.

`docs/causes.md` is made from it, and whoever shows a cause to people may show this beside it. What a cause is, is said
where it is defined; a test holds that none is missing here.
"""

_CLIENT = (
    "Browsers and common clients do not send this. Look at `client` for a scanner, which may be left alone, or for a"
    " home-made program, which needs mending."
)
_BACKEND_OR_CLIENT = (
    "Mend whoever wrote the message: the backend if `failure` stands beside the cause, else the client."
    " `detail` names field and line."
)
_SPLIT = (
    "Two programs could read the message differently, which is how requests are smuggled, so it goes no further."
    " Mend whoever wrote it: the backend if `failure` stands beside the cause, else the client or a proxy in front."
)
_PATH = (
    "The path has more than one reading, and a rule for one of them could be passed by the other. Have the client send"
    " the path as it is meant, without dot segments, escaped slashes or escaped NULs."
)
_FLOOD = "Frames that cost whoever gets them more than whoever sends them. " + _CLIENT
_WEBSOCKET = "Mend the client's handshake (RFC 6455 4.1). Browsers and the usual libraries get it right."
_BACKEND = "Mend the backend, or whatever answers in its place; ask it directly with `curl -v` from the gateway's host."

REMEDIES = {
    "too_many_empty_lines": _CLIENT,
    "blank_before_request_line": _CLIENT,
    "request_line_malformed": "If it is TLS on a plain port (or the PROXY protocol where none is expected), correct the"
    " address or `server.listen`. Else " + _CLIENT[0].lower() + _CLIENT[1:],
    "request_line_too_long": "Raise `server.limits.request_head`, or send what is in the query as a body (`QUERY` and"
    " `POST` have one).",
    "method_malformed": _CLIENT,
    "method_too_long": _CLIENT,
    "method_not_served": "Nothing: a gateway is no forward proxy, and TRACE would show credentials to scripts.",
    "version_not_supported": "A log line with the method `PRI` is HTTP/2 from a client that knows beforehand, as meshes and"
    " gRPC do: set `http2: cleartext` on that listener. Else " + _CLIENT[0].lower() + _CLIENT[1:],
    "target_malformed": "Have the client escape what is no URL character (space, control characters, non-ASCII).",
    "path_malformed": "Have the client escape what is no URL character, and write `%` as `%25`.",
    "path_dot_segment": _PATH,
    "path_nul": _PATH,
    "path_too_ambiguous": _PATH,
    "path_ambiguous": _PATH + " Or let one route serve all readings.",
    "authority_mismatch": "The absolute address in the request line and `Host` name different hosts: mend the client or"
    " the proxy in front that rewrote one of them.",
    "status_line_malformed": _BACKEND,
    "not_http": "The server speaks another protocol. Often it is TLS on a port that the configuration calls `http://`, or"
    " HTTP/2 without TLS: correct `servers`.",
    "control_byte": _SPLIT,
    "bare_cr": _SPLIT,
    "bare_lf": _SPLIT,
    "folded_line": _SPLIT + " Write the field on one line.",
    "no_colon": _BACKEND_OR_CLIENT,
    "empty_name": _BACKEND_OR_CLIENT,
    "blank_in_name": _SPLIT,
    "name_malformed": _BACKEND_OR_CLIENT,
    "name_imitated": "A backend that folds names would take it for the protected one (`X_Forwarded_For`). Give the field"
    " another name; no option lets it pass.",
    "name_with_underscore": "Many backends fold `_` and `-`, so the field was dropped (or refused, by"
    " `server.underscore_headers: reject`). If it is meant, list its name in `allow_headers` of the route's policy, or"
    " set `server.underscore_headers: pass`; better rename it with dashes.",
    "head_too_large": "From a client: raise `server.limits.request_head`, or make its cookies smaller. From a backend"
    " (`failure` stands beside it): raise `upstreams.*.limits.response_head`, or make its cookies and policies smaller.",
    "too_many_fields": "Raise `server.limits.header_fields`.",
    "host_missing": _CLIENT,
    "host_repeated": _SPLIT,
    "host_malformed": "Have the client, or the proxy in front, send host and port and nothing else.",
    "connection_malformed": _BACKEND_OR_CLIENT,
    "too_many_connection_options": _BACKEND_OR_CLIENT,
    "protected_field_nominated": "`Connection` would remove a field that decisions rest on. Mend the client or the proxy"
    " that lists it there.",
    "expectation_unknown": "Only `Expect: 100-continue` exists. Mend the client.",
    "max_forwards_malformed": _CLIENT,
    "websocket_method": _WEBSOCKET,
    "websocket_version_missing": _WEBSOCKET,
    "websocket_version": _WEBSOCKET,
    "websocket_key": _WEBSOCKET,
    "switch_not_asked": "The backend answered 101 to what was no WebSocket handshake, or with the wrong"
    " `Sec-WebSocket-Accept`: mend its WebSocket code.",
    "too_many_interim_responses": _BACKEND,
    "two_framings": _SPLIT,
    "content_length_malformed": _SPLIT,
    "content_length_repeated": _SPLIT,
    "transfer_encoding_malformed": _SPLIT,
    "transfer_encoding_repeated": _SPLIT,
    "transfer_encoding_http10": _SPLIT,
    "transfer_coding_unsupported": "Only `chunked` is a transfer coding that passes; compress with `Content-Encoding`.",
    "chunk_size_malformed": _SPLIT,
    "chunk_line_too_long": _BACKEND_OR_CLIENT,
    "chunk_extensions_too_large": _BACKEND_OR_CLIENT,
    "chunk_data_too_long": _SPLIT,
    "trailers_too_large": _BACKEND_OR_CLIENT,
    "trailer_protected": _SPLIT,
    "body_too_large": "Raise `server.limits.request_body`.",
    "request_incomplete": "The client, or its network, gave up in the middle of a request. Rarely worth looking at; in"
    " numbers, look for a proxy in front with a shorter timeout.",
    "request_head_timeout": "Slow or idle clients; in numbers, connections that a proxy in front opens in advance."
    " `server.timeouts.request_head` is the limit.",
    "request_body_timeout": "A client that stopped in the middle of an upload. If it is only slow, raise"
    " `server.timeouts.request_body`.",
    "too_many_connections": "Raise `server.limits.connections`, and the limit of open files with it; or find out who"
    " keeps so many open.",
    "loop_detected": "An upstream leads back to this gateway: correct its `servers`, or its name in DNS.",
    "proxy_header_malformed": "Whatever connects to this listener does not speak the PROXY protocol: have the balancer"
    " send it, or take `proxy_protocol` off the listener.",
    "proxy_header_too_long": "The balancer sends more than a PROXY header may have: send fewer extensions.",
    "upstream_refused": "Nothing listens at the server's address: is the backend running, and on that port, and not on"
    " its own loopback only?",
    "upstream_unreachable": "There is no way to the server: look at `detail`, the network, and the firewall.",
    "upstream_name_unknown": "Correct the name in `servers`, or the resolver that the gateway's host uses.",
    "upstream_tls": "`detail` says what is wrong. An expired certificate is the backend's to renew; for one of an own"
    " authority set `tls.ca`, for another name `tls.server_name`.",
    "upstream_reset": "The backend closed the connection before it answered: look into its log for a crash or a limit."
    " If it happens between requests, make `keep_alive.idle` shorter than the backend's own.",
    "upstream_invalid_response": "The finer cause beside it says what is wrong with the response.",
    "upstream_connect_timeout": "The server's address does not answer at all: a firewall, a wrong address, or a backend"
    " with a full queue. `timeouts.connect` is the limit.",
    "upstream_response_timeout": "The backend took longer than `timeouts.response_head` to begin its answer, or was"
    " silent for `timeouts.idle` within it. Make it faster, or raise the limit where slow is right.",
    "upstream_unavailable": "No server of the upstream is healthy: see the events `upstream_unhealthy` and the page.",
    "gateway_exhausted": "The gateway ran out of file descriptors, ports or memory: raise the limit of open files"
    " (`ulimit -n`), add workers, or lower `server.limits.connections`.",
    "client_left": "Nothing, in small numbers. In large ones, answers come too late for the patience of clients:"
    " compare `duration_ms`.",
    "redirected_to_other_origin": "`detail` is where it leads. Scripts cannot follow a redirect to a login page of another"
    " origin: answer 401 instead, or call the target directly. If the target is the backend's own address, it does not"
    " know the address that clients use: pass `Host` on, or correct its base URL.",
    "switch_not_made": "The backend answered the handshake as it answers any GET: no WebSocket is served at that path, or"
    " a proxy before it drops `Upgrade`. In HTTP/1.1 the client would have been given that answer.",
    "pseudo_fields_malformed": _CLIENT,
    "connect_protocol": "HTTP/2 clients can open WebSockets and nothing else (`:protocol`): use HTTP for the rest.",
    "connection_field": "HTTP/2 has no `Connection`, `Transfer-Encoding` or `Upgrade`. Mend the client, or the proxy in front"
    " that turns HTTP/1.1 into HTTP/2 and keeps them.",
    "http2_too_many_streams": "A client opened more streams than it may before it had heard how many: it may ask again, and"
    " usually does by itself. After it has heard, one more ends the connection.",
    "http2_malformed": "The library that speaks HTTP/2 checks requests before the gateway does (RFC 9113 8.2, 8.3), and"
    " does not pass on what it resets, so that there is neither a path nor an answer: a name in upper case, a control"
    " character, a missing or repeated pseudo-header field, `Connection`. " + _CLIENT,
    "content_length_mismatch": _SPLIT,
    "http2_protocol_error": "What came is not HTTP/2, or breaks its framing. " + _CLIENT,
    "http2_limit_exceeded": "More header fields than twice `limits.request_head` or `limits.header_fields`. "
    + _CLIENT,
    "http2_header_block_flood": _FLOOD,
    "http2_head_timeout": _CLIENT,
    "http2_rapid_reset": "A client opened streams and broke them off, which costs it nothing and a backend much"
    " (CVE-2023-44487). Look at `client`; a page that cancels a lot is far below the bound.",
    "http2_empty_frames": _FLOOD,
    "http2_settings_flood": _FLOOD,
    "http2_ping_flood": _FLOOD,
    "http2_priority_flood": _FLOOD,
    "http2_window_flood": _FLOOD,
    "http2_engine_failed": "`detail` is what the library said. It should not happen: please report it.",
    "origin_removed": "A proxy or content network in front of the gateway takes `Origin` away, so that no answer can be"
    " granted: have it pass `Origin`, and `Access-Control-Request-*`, on.",
    "forwarding_ignored": "The proxy in front says that the client came by another scheme, and is not believed, so the"
    " backend is told the scheme of the connection. List its address in `server.trusted_proxies`.",
}
"""By the word of the cause."""
