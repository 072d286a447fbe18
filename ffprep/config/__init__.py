"""Read TOML files: modes, targets, and overrides of single photos.

It turns files into typed values, with errors that name the file, the line and the key. It must not
parse command lines or run anything. Begin with `toml`, which the other modules use.
"""
