"""Tests of the data path in one piece: upstreams, listeners, limits and deadlines, on the loop that production uses."""
