"""The unit files: what they promise, how exposed they leave the machine, and the gateway under their filters."""
