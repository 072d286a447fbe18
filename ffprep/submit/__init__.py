"""Send photos to a video API, and download the clips.

Each request is recorded before it is sent, so that nothing is submitted twice. This package must
not print; it reports to `cli` through callbacks. Begin with `submission`, the steps of one photo
in order, then `VideoApi` in `video_apis`, what differs between video APIs.
"""
