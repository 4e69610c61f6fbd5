"""The image: its locked dependencies, and building and running it where there is no container engine."""
