"""The verbs of the command line, as far as they need no running gateway of their own."""
