"""`ffprep submit`: a prepared photo to a server that makes a clip of it, and the clip back. Only `cli` imports from here."""
