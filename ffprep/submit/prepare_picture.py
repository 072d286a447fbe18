"""Prepare the picture to upload, in memory, and check it against the target's rules."""

import os
from contextlib import closing
from functools import cache, partial
from pathlib import Path

from ffprep.config.modes import find_mode
from ffprep.config.sidecars import PhotoOverrides, read_sidecar
from ffprep.conversion.caveats import cut_caveat
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.fitting import Framing, choose_spec_size, cropped_size
from ffprep.core.formats import FORMATS, media_type
from ffprep.core.geometry import Bounds, Size
from ffprep.core.job import LocalJob
from ffprep.core.mode import Fit
from ffprep.core.policy import Policy
from ffprep.core.spec import SizeChoice, Spec
from ffprep.core.target import Target, check
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.library.naming import stem_and_suffix
from ffprep.library.per_photo import suffixes_and_specs
from ffprep.library.request import Rendition
from ffprep.library.walk import has_sidecar
from ffprep.record import Record, replace
from ffprep.submit.video_apis import Upload
from ffprep.system.files import real_folder
from ffprep.system.single import StopRules, run_single
from ffprep.system.tempfiles import sweep_temp_dir, temporary_folder

_ONLY_CUTS = "the server can cut, but not add bars or distort"
_NO_FACES = "faces are looked for when a photo is cut, and the server cuts it"
_sweep_once = cache(sweep_temp_dir)  # of temporary files of killed runs


class PictureOptions(Record):
    """How photos are prepared: as `rendition` says, which `overrides` change for single photos.

    `rules` are what the target requires. With `send_bounds`, the server cuts what the Spec would
    cut.
    """

    rendition: Rendition
    overrides: PhotoOverrides
    rules: Target
    policy: Policy
    ffmpeg: str | None = None
    send_bounds: bool = False

    def __post_init__(self) -> None:
        if self.send_bounds and not only_cuts(self.rendition.spec):
            raise UsageError(f"--send-crop-bounds: {_ONLY_CUTS}; use --mode cover")
        if self.send_bounds and self.rendition.spec.focuses_on_faces:
            raise UsageError(f"--send-crop-bounds: {_NO_FACES}; give --focus X,Y")

    def digest_fields(self, spec: Spec) -> dict[str, str]:
        """Return everything that determines the picture of a photo with this Spec, as text.

        A field that is added or written differently makes all photos be submitted and billed again:
        tests/submit/test_digest.py pins them. So only what differs from the defaults is included,
        and how it was specified makes no difference.
        """
        defaults = Spec(spec.size, spec.mode)
        values: dict[str, object] = {
            name: getattr(spec, name)
            for name in _DIGEST_FIELDS
            if getattr(spec, name) != getattr(defaults, name)
        }
        values |= {"size": spec.size, "format": spec.format.name}
        values |= {"modes": [mode.steps for mode in spec.as_digested.modes]}
        values |= {"max_loss": spec.fallback.max_loss} if spec.fallback else {}
        values |= {"choice": _choice_text(spec.choice)} if spec.choice else {}
        values |= {"sends_bounds": "yes"} if self.send_bounds else {}
        return {name: str(value) for name, value in values.items()}


_DIGEST_FIELDS = (
    "quality subsampling depth fast sharpen lossless max_bytes colour metadata date background "
    "focus alpha bounds"
).split()


def _choice_text(choice: SizeChoice) -> str:
    """Return a SizeChoice as version 0.1 wrote it into digests."""
    envelope = choice.envelope
    limits = ", ".join(f"{name}={getattr(envelope, name)!r}" for name in type(envelope)._fields)
    return f"Choice(fit={choice.fit!r}, sizes={choice.sizes!r}, envelope=Envelope({limits}))"


def prepare_picture(
    photo: Path, options: PictureOptions, spec: Spec, place: str = ""
) -> tuple[Upload, tuple[str, ...]]:
    """Return the picture to upload, and warnings; `spec` is the photo's own, but for the format.

    Raises PhotoError, also if the picture would break the target's rules.
    """
    spec = replace(spec, format=options.rendition.spec.format)
    if options.send_bounds:
        upload, warnings, region = _with_region(photo, options, spec, place)
    else:
        if options.rendition.same_format:
            formats = options.rendition.formats
            _, (spec,) = suffixes_and_specs("", [os.fspath(photo)], spec, formats)
        upload, warnings = _converted(photo, options, spec, place)
        region = upload.size
    _require_rules(upload, region, options.rules)
    return upload, warnings


def prepare_last_frame(
    photo: Path, size: Size, options: PictureOptions
) -> tuple[Upload, tuple[str, ...]]:
    """Return the picture of a clip's last frame, which has the size of the first, and warnings."""
    subject = f"its last frame {photo}: "
    spec = replace(options.rendition.spec, size=size, choice=None)
    try:
        if has_sidecar(os.fspath(photo), real_folder(os.fspath(photo.parent))):
            spec = options.overrides.spec(photo, spec, read_sidecar(photo))
        upload, warnings = prepare_picture(photo, options, spec)
    except PhotoError as error:
        raise PhotoError(error.kind, subject + str(error)) from None
    return upload, tuple(subject + warning for warning in warnings)


def _converted(
    photo: Path, options: PictureOptions, spec: Spec, place: str
) -> tuple[Upload, tuple[str, ...]]:
    """Return the picture of a photo, and warnings. Raises PhotoError."""
    _sweep_once()
    suffix = spec.format.suffixes[0]
    with temporary_folder() as folder:
        job = LocalJob(photo, folder / f"picture{suffix}", spec, place)
        binary = find(options.ffmpeg)
        with closing(Converter(binary, options.policy, streams=False)) as converter:
            # In its own thread, where no Ctrl-C can come between a process's start and its end.
            stop = StopRules(abandon=converter.processes.stop)
            (result,) = run_single(partial(converter.convert, [job]), stop)
        if result.failure or not result.size:
            assert result.failure
            raise PhotoError(result.failure.kind, result.failure.message)
        data = job.output.read_bytes()
    # For the header of a part of multipart/form-data.
    stem = "".join(c if c.isprintable() else "?" for c in stem_and_suffix(photo.name)[0])
    name = (stem + suffix).encode(errors="replace").decode()
    return Upload(name, data, media_type(spec.format.name), result.size), result.warnings


def only_cuts(spec: Spec) -> bool:
    """Whether the picture is always a region of the photo, without bars or distortion."""
    return spec.fallback is None and spec.mode.fit is Fit.COVER


def _with_region(
    photo: Path, options: PictureOptions, spec: Spec, place: str
) -> tuple[Upload, tuple[str, ...], Size]:
    """Return the whole photo, upright, scaled so that the region to cut has the size asked for."""
    if not only_cuts(spec):
        raise PhotoError(Kind.UNSUPPORTED, f"its sidecar sets another mode, and {_ONLY_CUTS}")
    if spec.focuses_on_faces:
        raise PhotoError(Kind.UNSUPPORTED, f"its sidecar sets the focus faces, but {_NO_FACES}")
    shown = _displayed_size(photo, options.policy, spec)
    rest = cropped_size(shown, spec.bounds)
    size = choose_spec_size(spec, rest).size
    framing = Framing.of(Fit.COVER, rest, size, spec.focus)
    cut = cut_caveat(options.policy, str(rest), framing, size).words if framing.cuts_much else ""
    whole, region = scale_to_region(shown, spec.bounds, framing, size)
    uncut = replace(spec, size=whole, choice=None, mode=find_mode("stretch"), bounds=Bounds())
    upload, warnings = _converted(photo, options, uncut, place)
    return replace(upload, region=region), (*warnings, cut) if cut else warnings, size


def _displayed_size(photo: Path, policy: Policy, spec: Spec) -> Size:
    """Return a photo's upright size. Raises PhotoError if it has alpha that must not be sent."""
    from ffprep.conversion.ffmpeg_binary import decoder_pool
    from ffprep.system.processes import Processes

    with decoder_pool(Processes(), policy) as decoders:
        info = decoders.probe(photo)
        keeps_alpha = spec.format.final_alpha is not None and not spec.alpha
        if keeps_alpha and decoders.is_translucent(photo, info):
            hint = "leave out --send-crop-bounds, or use --format jpeg"
            problem = "some of its pixels are translucent, which the target does not accept"
            raise PhotoError(Kind.UNSUPPORTED, f"{problem}; {hint}")
    return info.shown


def scale_to_region(
    photo: Size, bounds: Bounds, framing: Framing, size: Size
) -> tuple[Size, Bounds]:
    """Return the size of the whole photo at which a region has exactly `size`, and that region.

    The region is the part of `bounds` that `framing` shows. Its edges are on whole pixels, so that
    a server that multiplies them by the whole size gets exactly `size`.
    """
    left, top = bounds.corner(photo)
    rest = cropped_size(photo, bounds)
    shown = framing.shown
    factor_x = size.width / (rest.width * (shown.right - shown.left))
    factor_y = size.height / (rest.height * (shown.bottom - shown.top))
    whole = Size(
        max(size.width, round(photo.width * factor_x)),
        max(size.height, round(photo.height * factor_y)),
    )
    x = round((left + rest.width * shown.left) / photo.width * whole.width)
    y = round((top + rest.height * shown.top) / photo.height * whole.height)
    x, y = min(x, whole.width - size.width), min(y, whole.height - size.height)
    return whole, Bounds(
        x / whole.width,
        y / whole.height,
        (x + size.width) / whole.width,
        (y + size.height) / whole.height,
    )


def _require_rules(upload: Upload, region: Size, rules: Target) -> None:
    """Raise PhotoError if the server would refuse the picture; its pixels were verified before."""
    from ffprep.core.image_info import ImageInfo

    format = next(f for f in FORMATS if upload.mime == media_type(f.name))
    problems = check(ImageInfo(format, region), rules, len(upload.data))
    if problems:
        raise PhotoError(Kind.UNSUPPORTED, f"would be refused: {'; '.join(problems)}")
