"""One module for each command, or for a few that belong together.

A command parses its options, calls `run`, `submit` or another package, reports through
`cli.reporting`, and returns an exit code; it must not do the work itself. Modules that a command
needs are imported when it runs, so that `ffprep --version` stays fast. Begin with `check`, the
shortest one.
"""
