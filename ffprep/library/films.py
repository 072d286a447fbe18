"""The Specs of films among photos. Imported where a run converts films."""

from collections.abc import Sequence
from functools import lru_cache

from ffprep.core.film import may_be_film
from ffprep.core.spec import Spec
from ffprep.record import replace


def without_frames_of_photos(names: Sequence[str], specs: Sequence[Spec]) -> list[Spec]:
    """Return the Specs of files; those of photos do not change with the frame of films."""
    pairs = zip(names, specs, strict=True)
    return [spec if may_be_film(name) else _without_frame(spec) for name, spec in pairs]


@lru_cache(maxsize=32)
def _without_frame(spec: Spec) -> Spec:
    return replace(spec, frame=None)
