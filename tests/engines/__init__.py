"""Three browser engines driven alike, to ask them what `fetch()` may do: the only true oracle of CORS.

`engine.py` says what an engine can do and starts one; `chromium.py`, `firefox.py` and `webkit.py` are the three.
`world.py` is what they look at: a gateway with drawn policies, a backend, pages on several origins. `draw.py` draws
policies and calls, `differential.py` compares what `explain` foretells with what happens:
`python -m tests.engines --pairs 2000 --seed 1 chromium firefox webkit`.
"""
