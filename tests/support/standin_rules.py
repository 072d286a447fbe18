"""What the stand-in accepts, and how it refuses everything else.

Fields, values and states are those of the documentation (the types of the openai SDK for
`/v1/videos`; Microsoft's quickstart of May 2025 for the jobs API). So are the error bodies that are
published; the others are the stand-in's own, in the same form.
"""

import io
import json
import re
from dataclasses import dataclass, field

from PIL import Image

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
SORA_SIZES = frozenset({"720x1280", "1280x720", "1024x1792", "1792x1024"})
AZURE_SIZES = frozenset(
    "480x480 854x480 480x854 720x720 1280x720 720x1280 1080x1080 1920x1080 1080x1920".split()
)
MISMATCH = "Inpaint image must match the requested width and height"
BLOCKED = "Your request was blocked by our moderation system."
_BOUNDARY = re.compile(r'multipart/form-data; *boundary=(?:"([^"]{1,70})"|([^";\s]{1,70}))')
_DISPOSITION = re.compile(r'form-data; name="([^"]+)"(?:; filename="([^"]*)")?')


class Refusal(Exception):
    """An error as the server answers it."""

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        type: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": type, "param": param, "code": code}

    @property
    def body(self) -> bytes:
        return json.dumps({"error": self.error}).encode()


@dataclass(frozen=True)
class Part:
    """One part of a multipart/form-data body."""

    name: str
    data: bytes
    file_name: str | None = None
    mime: str | None = None

    @property
    def text(self) -> str:
        """The value of a field that is not a file."""
        if self.file_name is not None or self.mime not in (None, "text/plain"):
            raise Refusal(400, f"'{self.name}' is a field, and no file.", self.name, "invalid_type")
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            raise Refusal(400, f"'{self.name}' is no UTF-8.", self.name, "invalid_value") from None


@dataclass(frozen=True)
class Rules:
    """What may differ from server to server."""

    sizes: frozenset[str] | None = None
    "None: those of the protocol."
    models: frozenset[str] = frozenset({"sora-2", "sora-2-pro", "sora"})
    seconds: tuple[str, ...] = ("4", "8", "12")
    extra: frozenset[str] = frozenset()
    "Additional fields."
    alpha: bool = True
    "Whether pixels may be translucent."
    last_frame: bool = False
    "Whether `input_references` has a first and a last picture, as at vLLM-Omni."


@dataclass(frozen=True)
class Request:
    """A correct create."""

    prompt: str
    model: str
    width: int
    height: int
    seconds: int
    variants: int = 1
    pictures: tuple[Part, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)


def multipart(content_type: str, body: bytes) -> list[Part]:
    """The parts of a body; whatever is not exactly of the form is refused."""
    said = _BOUNDARY.fullmatch(content_type)
    if said is None:
        raise Refusal(400, f"Content-Type: '{content_type}' is no multipart/form-data.")
    boundary = (said[1] or said[2]).encode()
    before, *chunks = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if before or not chunks or chunks.pop() not in (b"--", b"--\r\n"):
        raise Refusal(400, "The multipart body does not begin and end with its boundary.")
    return [_part(chunk) for chunk in chunks]


def _part(chunk: bytes) -> Part:
    head, blank, data = chunk.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    if lines[0] or not blank:
        raise Refusal(400, "A part of the multipart body has no end of its headers.")
    headers = {
        name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
    }
    said = _DISPOSITION.fullmatch(headers.pop("content-disposition", ""))
    mime = headers.pop("content-type", None)
    if said is None or headers:
        raise Refusal(400, f"A part of the multipart body has odd headers: {lines[1:]}.")
    return Part(said[1], data, said[2], mime)


def openai_form(parts: list[Part], rules: Rules) -> Request:
    """`POST /v1/videos`, by the documentation of `videos.create`."""
    known = {"prompt", "input_reference", "model", "seconds", "size"}
    pictures = [part for part in parts if rules.last_frame and part.name == "input_references"]
    fields = _fields([part for part in parts if part not in pictures], known | rules.extra)
    if picture := fields.pop("input_reference", None):
        pictures.append(picture)
    said = {name: part.text for name, part in fields.items()}
    seconds = _one_of(said, "seconds", rules.seconds, "4")
    size = _one_of(said, "size", sorted(rules.sizes or SORA_SIZES), "720x1280")
    width, height = map(int, size.split("x"))
    if any(decoded(picture, rules).size != (width, height) for picture in pictures):
        raise Refusal(400, MISMATCH)
    return Request(
        prompt=_prompt(said),
        model=_model(said, rules, "sora-2"),
        width=width,
        height=height,
        seconds=int(seconds),
        pictures=tuple(pictures),
        extra={name: said[name] for name in said if name in rules.extra},
    )


def azure_form(parts: list[Part], rules: Rules) -> Request:
    """`POST /openai/v1/video/generations/jobs`, by Microsoft's quickstart."""
    files = [part for part in parts if part.name == "files"]
    known = {"prompt", "width", "height", "n_seconds", "n_variants", "model", "inpaint_items"}
    fields = _fields([part for part in parts if part.name != "files"], known | rules.extra)
    said = {name: part.text for name, part in fields.items()}
    width, height = _whole(said, "width", range(1, 4096)), _whole(said, "height", range(1, 4096))
    sizes = rules.sizes or AZURE_SIZES
    if f"{width}x{height}" not in sizes:
        raise Refusal(
            400, f"{width}x{height} is not supported; there are: {', '.join(sorted(sizes))}."
        )
    items = _items(said.get("inpaint_items", "[]"))
    names = [str(part.file_name) for part in files]
    if sorted(names) != sorted({str(item.get("file_name")) for item in items}):
        raise Refusal(
            400, f"inpaint_items and files do not agree: {items}, {names}.", "inpaint_items"
        )
    for item in items:
        _check_item(item, files[names.index(str(item["file_name"]))], (width, height), rules)
    return Request(
        prompt=_prompt(said),
        model=_model(said, rules, None),
        width=width,
        height=height,
        seconds=_whole(said, "n_seconds", range(1, 21)),
        variants=_whole({"n_variants": "1", **said}, "n_variants", range(1, 6)),
        pictures=tuple(files),
        extra={name: said[name] for name in said if name in rules.extra},
    )


def decoded(part: Part, rules: Rules) -> Image.Image:
    """The picture of a part, which must be what its content type says, whole and upright."""
    if part.file_name is None or part.mime not in FORMATS:
        raise Refusal(
            400,
            f"Invalid file '{part.name}': unsupported mimetype ('{part.mime or 'text/plain'}'). "
            "Supported file formats are 'image/jpeg', 'image/png', and 'image/webp'.",
            part.name,
            "unsupported_file_mimetype",
        )
    try:
        with Image.open(io.BytesIO(part.data), formats=[FORMATS[part.mime]]) as image:
            image.load()
            orientation = image.getexif().get(0x0112, 1)
    except Exception as error:
        words = f"Invalid file '{part.name}': no whole {part.mime}: {error}"
        raise Refusal(400, words, part.name, "invalid_image") from None
    if orientation != 1:
        words = f"Invalid file '{part.name}': EXIF orientation {orientation}."
        raise Refusal(400, words, part.name, "invalid_image")
    if not rules.alpha and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        words = f"Invalid file '{part.name}': translucent pixels."
        raise Refusal(400, words, part.name, "invalid_image")
    return image


def _fields(parts: list[Part], known: set[str] | frozenset[str]) -> dict[str, Part]:
    fields: dict[str, Part] = {}
    for part in parts:
        if part.name not in known:
            words = f"Unknown parameter: '{part.name}'."
            raise Refusal(400, words, part.name, "unknown_parameter")
        if part.name in fields:
            words = f"Duplicate parameter: '{part.name}'."
            raise Refusal(400, words, part.name, "duplicate_parameter")
        fields[part.name] = part
    return fields


def _needed(said: dict[str, str], name: str) -> str:
    if not said.get(name):
        words = f"Missing required parameter: '{name}'."
        raise Refusal(400, words, name, "missing_required_parameter")
    return said[name]


def _prompt(said: dict[str, str]) -> str:
    prompt = _needed(said, "prompt")
    if not prompt.strip():
        raise Refusal(400, "Invalid 'prompt': empty string.", "prompt", "empty_string")
    return prompt


def _model(said: dict[str, str], rules: Rules, default: str | None) -> str:
    model = said.get("model", default) or _needed(said, "model")
    if model not in rules.models:
        words = f"The model '{model}' does not exist or you do not have access to it."
        raise Refusal(404, words, None, "model_not_found")
    return model


def _one_of(
    said: dict[str, str], name: str, values: list[str] | tuple[str, ...], default: str
) -> str:
    value = said.get(name, default)
    if value not in values:
        *most, last = (f"'{value}'" for value in values)
        there = f"{', '.join(most)}, and {last}" if most else last
        words = f"Invalid value: '{value}'. Supported values are: {there}."
        raise Refusal(400, words, name, "invalid_value")
    return value


def _whole(said: dict[str, str], name: str, allowed: range) -> int:
    value = _needed(said, name)
    if not re.fullmatch(r"[1-9][0-9]*", value) or int(value) not in allowed:
        raise Refusal(400, f"Invalid value for '{name}': '{value}'.", name, "invalid_value")
    return int(value)


def _items(text: str) -> list[dict[str, object]]:
    try:
        items = json.loads(text)
    except ValueError:
        items = None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refusal(400, "inpaint_items must be a JSON list of objects.", "inpaint_items")
    return items


def _check_item(item: dict[str, object], part: Part, size: tuple[int, int], rules: Rules) -> None:
    known = {"frame_index", "type", "file_name", "crop_bounds"}
    frame = item.get("frame_index", 0)
    if set(item) - known or item.get("type") != "image" or type(frame) is not int or frame < 0:
        raise Refusal(400, f"An odd inpaint item: {item}.", "inpaint_items")
    edges = ("left_fraction", "top_fraction", "right_fraction", "bottom_fraction")
    bounds = item.get("crop_bounds", dict(zip(edges, (0, 0, 1, 1), strict=True)))
    if not isinstance(bounds, dict) or set(bounds) != set(edges):
        raise Refusal(400, f"Odd crop_bounds: {bounds}.", "inpaint_items")
    left, top, right, bottom = (bounds[edge] for edge in edges)
    if not all(type(edge) in (int, float) for edge in (left, top, right, bottom)) or not (
        0 <= left < right <= 1 and 0 <= top < bottom <= 1
    ):
        raise Refusal(400, f"Odd crop_bounds: {bounds}.", "inpaint_items")
    width, height = decoded(part, rules).size
    region = (
        round(right * width) - round(left * width),
        round(bottom * height) - round(top * height),
    )
    if region != size:
        raise Refusal(400, MISMATCH)
