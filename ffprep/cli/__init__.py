"""The command line: commands, progress, log files, exit codes.

The only package that prints. It must not decide how photos are converted: commands parse options,
call the packages below, and report. Begin with `main`, then one command in `commands`.
"""
