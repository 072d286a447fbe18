"""A photo to the picture that is uploaded: prepared in memory, and held against the target's rules."""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from ffprep.api.prepare import prepare
from ffprep.core.fitting import Framing, cropped_size
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Bounds, Size
from ffprep.core.mode import Fit
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.core.target import Target, check
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.options.keywords import Options
from ffprep.submit.protocol import Upload
from ffprep.system.files import open_regular

_SAID = (
    "targets filters quality subsampling lossless compression max_bytes colour metadata focus "
    "scene max_loss damaged upscale max_pixels max_memory ffmpeg"
).split()
_APART = ("mode", "fallback", "format", "compression")
_CUTS = "the server can cut, and not add bars or distort"


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How every photo is prepared: `size` or `target`, as text, and the options of `ffprep convert`.

    `spec` are the same, read. With `sends_bounds`, what `spec` would cut is left to the server.
    """

    size: Size | None
    target: str | None
    rules: Target
    mode: str | None
    options: Options
    spec: Spec
    policy: Policy
    sends_bounds: bool = False

    @classmethod
    def of(
        cls, given: Mapping[str, Any], target: str | None, rules: Target, spec: Spec
    ) -> "PictureOptions":
        """Of a command line. Raises UsageError where the server could not cut what is asked for."""
        options: dict[str, Any] = {name: given[name] for name in _SAID}
        options |= {
            "format": given["format_name"],
            "background": str(given["background"]),
            "crop_bounds": astuple(given["crop_bounds"]),
        }
        size = None if target else given["size"]
        sends = given["send_crop_bounds"]
        if sends and not _only_cuts(spec):
            raise UsageError(f"--send-crop-bounds: {_CUTS}; say --mode cover")
        policy = Policy(max_pixels=given["max_pixels"], max_memory=given["max_memory"])
        said = Options(**options)  # type: ignore[typeddict-item]
        return cls(size, target, rules, given["mode"], said, spec, policy, sends)

    def words(self, spec: Spec) -> dict[str, str]:
        """All that decides the picture, but for the photo, whose own Spec this is, as text.

        By these a request is known, and whatever changes them has photos billed again. So they say what is asked for and not
        how it was said, and nothing of what is as it is without a word: another ffprep may have more to say.
        """
        said = {
            part.name: str(getattr(spec, part.name))
            for part in fields(spec)
            if part.name not in _APART and getattr(spec, part.name) != part.default
        }
        said |= {"format": spec.format.name, "modes": str([mode.steps for mode in spec.modes])}
        said |= {"max_loss": str(spec.fallback.max_loss)} if spec.fallback else {}
        return said | ({"sends_bounds": "yes"} if self.sends_bounds else {})


def prepared(photo: Path, recipe: PictureOptions, own: Spec) -> tuple[Upload, tuple[str, ...]]:
    """The picture, and warnings; `own` is the photo's Spec. Raises PhotoError, also where it would break the target's rules."""
    if recipe.sends_bounds:
        picture, warnings, region = _with_region(photo, recipe, own)
    else:
        made = prepare(photo, recipe.size, recipe.mode, target=recipe.target, **recipe.options)
        picture, warnings, region = Upload(*made.upload(), made.size), made.warnings, made.size
    _require_rules(picture, region, recipe.rules)
    return picture, warnings


def _only_cuts(spec: Spec) -> bool:
    return spec.fallback is None and spec.mode.fit is Fit.COVER


def _with_region(
    photo: Path, recipe: PictureOptions, spec: Spec
) -> tuple[Upload, tuple[str, ...], Size]:
    """The whole photo, upright, at the scale at which the region that is to be cut is of the size asked for."""
    from ffprep.core.fitting import sized
    from ffprep.image.sandbox import DecoderPool
    from ffprep.system.processes import Processes

    if not _only_cuts(spec):
        raise PhotoError(Kind.UNSUPPORTED, f"its sidecar says another mode, and {_CUTS}")
    policy = recipe.policy
    with DecoderPool(Processes(), policy) as viewers:
        found = viewers.probe(photo, policy.max_pixels)
        keeps = spec.format.final_alpha is not None and not spec.alpha
        if keeps and viewers.is_translucent(photo, found):
            hint = "have it cut here, without --send-crop-bounds, or sent with --format jpeg"
            words = f"some of its pixels are translucent, which the target does not take; {hint}"
            raise PhotoError(Kind.UNSUPPORTED, words)
    shown = found.shown
    left = cropped_size(shown, spec.bounds)
    size = sized(spec, left).size
    whole, region = scaled(shown, spec.bounds, Framing.of(Fit.COVER, left, size, spec.focus), size)
    options = Options(**recipe.options)
    options.update({"crop_bounds": None, "scene": None, "max_loss": None})
    options["max_bytes"] = spec.max_bytes
    options["format"] = spec.format.name
    with open_regular(photo) as file:
        data = file.read()
    made = prepare(data, whole, "stretch", **options)  # without the sidecar: it is in the region
    name = photo.with_suffix(Path(made.name).suffix).name.encode(errors="replace").decode()
    return Upload(name, made.data, made.mime, made.size, region), made.warnings, size


def scaled(photo: Size, bounds: Bounds, framing: Framing, size: Size) -> tuple[Size, Bounds]:
    """The size of the whole photo at which a region of it has exactly `size`, and the region's edges.

    The region is what `framing` shows of what `bounds` leave. The edges are on whole pixels of that size,
    so that whoever multiplies them out finds exactly `size`.
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


def _require_rules(picture: Upload, region: Size, rules: Target) -> None:
    """Raise PhotoError where the picture would be refused; its pixels were verified when it was made."""
    from ffprep.core.image_info import ImageInfo as Found

    format = next(f for f in FORMATS if picture.mime == f"image/{f.name}")
    broken = check(Found(format, region), rules, len(picture.data))
    if broken:
        raise PhotoError(Kind.UNSUPPORTED, f"would be refused: {'; '.join(broken)}")
