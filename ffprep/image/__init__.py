"""Read and judge picture files: what they hold, their colours and metadata, whether they are whole.

It must not call FFmpeg, and decodes in the sandbox only, except outputs that ffprep has just
written. Begin with `probe`, then `sandbox`, which runs the other modules' functions in processes of
their own.
"""
