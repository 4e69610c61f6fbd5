"""A CORS-enforcing reverse proxy. Start reading at `policy/` (what may cross) and `proxy/` (who carries it)."""

__version__ = "0.1.0"
