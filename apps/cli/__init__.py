"""The command line, ita."""
