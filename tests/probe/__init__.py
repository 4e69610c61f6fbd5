"""`doctor` and `compare` against servers that are right, and others that make one mistake each."""
