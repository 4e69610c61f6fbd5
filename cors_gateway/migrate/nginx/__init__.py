"""nginx: contexts and inheritance as it resolves them, `if` as the rewrite directive that it is.

`parse.py` reads directives, `scope.py` says which are in effect where, `evaluate.py` plays requests through a location,
`expression.py` and `origins.py` say what an expression about origins means, `findings.py` and its neighbours what is wrong
with it, `routes.py` and `backends.py` what becomes of it.
"""
