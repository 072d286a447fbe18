"""Convert photos to verified outputs with FFmpeg.

It must not decide which photos to convert, record results or print. Begin with `transcode`, which
lists the steps of one photo in order; `converter` groups photos into streams, and `filtergraph`
decides the pixels.
"""
