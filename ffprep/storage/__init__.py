"""Files of this machine and objects in stores, behind one `Storage` protocol.

No other package asks whether a location is local or remote in order to read, write or lock it, and
nothing here knows about photos. Begin with `protocol.py`; `local.py` and `objects.py` implement it.
"""
