"""The terms of ffprep as types: sizes, modes, Specs, jobs, results, formats, targets, locations.

They are frozen and compute; they must not decode photos, write files or start processes. Begin with
`spec`, which is all that decides an output, then `job`.
"""
