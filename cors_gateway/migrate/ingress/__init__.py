"""Kubernetes: Ingresses for ingress-nginx with their annotations, and HTTPRoutes of the Gateway API.

ingress-nginx writes nginx configuration, so an Ingress is read as the directives that it becomes (`servers.py`, `locations.py`,
`cors_directives.py`, `snippets.py`), each with its place in the YAML, and translated by `migrate.nginx`. An HTTPRoute says
what it means by itself (`http_routes.py`, `filters.py`). `documents.py` reads YAML, `importer.py` joins everything.
"""
