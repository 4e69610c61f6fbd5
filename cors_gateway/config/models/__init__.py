"""The shape of the configuration: which keys there are, of what type, and what each one means.

The models are strict and refuse unknown keys. Their descriptions become the JSON schema, so they are written for
people who fill in the file. What a value *means* for CORS is checked in `lint/`; what belongs together across
sections in `compile/`.
"""
