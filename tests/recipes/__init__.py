"""The recipes of `config/recipes`, run as far as that goes without a container engine."""
