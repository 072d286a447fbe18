"""The focus of photos that is decided by their faces.

Imported only for such photos, and for second attempts.

The photos of a stream have one filtergraph, and each has a focus of its own. So the template of a
stream has numbers in place of the focus that no photo has, which expressions of the time replace:
photo 7 is the frame at 7 seconds.
"""

from collections.abc import Iterable, Iterator, Sequence

from ffprep.conversion.transcode import Photo
from ffprep.core.faces import frame_faces
from ffprep.core.geometry import FaceFocus, Focus
from ffprep.core.job import Caveat, CaveatKind
from ffprep.core.spec import Spec
from ffprep.errors import Killed, PhotoError
from ffprep.image.sandbox import DecoderPool
from ffprep.record import replace

_NO_FOCUS = -1e9


def focused(photo: Photo, decoders: DecoderPool) -> Photo:
    """Return a photo with the focus that keeps its faces in the frame.

    A photo whose faces cannot be looked for is cut around its centre: if it is damaged, its
    conversion will say so. Raises EnvironmentFault if there is no detector.
    """
    job, spec = photo.job, photo.job.spec
    if not spec.focuses_on_faces:  # by its own mode, which is known now
        return photo
    faces = job.faces
    if faces is None:
        try:
            with photo.opened() as opened:
                faces = decoders.faces(opened.source, opened.picture)
        except Killed:
            raise
        except PhotoError as error:
            words = f"faces could not be looked for, so the crop is centred ({error})"
            caveat = Caveat(words, CaveatKind.NO_FACE)
            return replace(photo, caveats=(*photo.caveats, caveat))
    framing = frame_faces(faces, photo.picture.shown, spec.bounds, spec.size)
    kind = CaveatKind.FACES if framing.found else CaveatKind.NO_FACE
    caveats = (Caveat(framing.caveat, kind),) if framing.caveat else ()
    job = replace(job, spec=replace(spec, focus=framing.focus), faces=faces)
    return replace(photo, job=job, caveats=photo.caveats + caveats)


def all_focused(outputs: Iterable[Photo], decoders: DecoderPool) -> Iterator[Photo]:
    """Yield outputs of one photo as `focused` returns them; its faces are looked for once."""
    faces = None
    for photo in outputs:
        known = replace(photo.job, faces=faces) if faces is not None else photo.job
        photo = focused(replace(photo, job=known), decoders)
        faces = photo.job.faces
        yield photo


def left_open(specs: tuple[Spec, ...]) -> tuple[Spec, ...]:
    """Return Specs for the template of a stream: those of the outputs of each photo."""
    return tuple(
        replace(spec, focus=_open(number)) if spec.focuses_on_faces else spec
        for number, spec in enumerate(specs)
    )


def filled_in(template: Sequence[str], photos: Sequence[Focus], output: int = 0) -> tuple[str, ...]:
    """Return the arguments of a stream of photos whose outputs of that number have this focus."""
    places, found = _open(output), []
    x, y = _by_time([focus.x for focus in photos]), _by_time([focus.y for focus in photos])
    for word in template:
        found.append(word.replace(repr(places.x), x).replace(repr(places.y), y))
    return tuple(found)


def _open(output: int) -> FaceFocus:
    """Return the numbers in place of a focus."""
    return FaceFocus(_NO_FOCUS - 2 * output, _NO_FOCUS - 2 * output - 1)


def _by_time(values: Sequence[float]) -> str:
    """Return an expression that has the first value at 0 seconds, the second one at 1, ...

    It has no comma, which would have to be escaped.
    """
    terms = (f"{value!r}*not(round(t)-{number})" for number, value in enumerate(values))
    return f"({'+'.join(terms)})"
