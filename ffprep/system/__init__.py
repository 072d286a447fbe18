"""What ffprep needs from the operating system: files, temporary files, processes, threads, signals.

It knows nothing about photos, and imports no other package. Begin with `processes` and `pool`.
"""
