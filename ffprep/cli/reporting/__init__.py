"""What commands write to the terminal, to logs, and to monitors.

Reporting changes nothing in a run and decides no exit code. Begin with `progress`, which `convert`
and `submit` share; `text` has the words and JSON of results.
"""
