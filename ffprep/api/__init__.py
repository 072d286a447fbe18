"""The Python functions: `convert`, `check`, `prepare`, and `Preprocessor`.

They parse keywords as the command line parses options, run the same engine, and raise its errors.
They print nothing and change nothing of the calling program. Begin with `batch`, then `prepare`.
"""
