"""What is wrong with a policy or a routing table that is well-formed YAML of the right shape.

Every rule is a small function from what the operator wrote to findings; nothing here reads files, knows YAML or
positions, or stops at the first mistake. `policy_rules.py` and `route_rules.py` are the two doors; the values that pass through
them are in `finding.py`.
"""
