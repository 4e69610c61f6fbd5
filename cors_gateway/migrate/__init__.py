"""What does somebody else's configuration mean? It becomes a configuration of this gateway, and a review of the old one.

`outcome.py` has the values that every importer produces, `policies.py` makes a policy out of what headers say,
`write.py` prints the configuration and `report.py` the review. What is particular to one source is in a package of its own.
"""
