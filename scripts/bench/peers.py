"""ffprep, and what people use instead: one table, each entry as its people would write it.

Every command finds its work in the environment, so that a snippet reads as it would in a script:

    SET      the folder with the photos       OUT     an empty folder for the outputs
    JOBS     how many at a time               FFMPEG, FFPREP, PYTHON    the programs

The task is the same for all: cover to 1280x720, JPEG. Tools with a quality scale get 95. The usual
loop around ffmpeg says `-q:v 2`, which is about quality 91; here it says `-q:v 1 -qmin 1`, which is
about 95. Full chroma (4:4:4) takes longer to encode than half (4:2:0), so each peer is compared
with ffprep at the same chroma subsampling. Pillow and sharp write 4:2:0 by default, libvips and
ffprep 4:4:4 at this quality. ffmpeg and the mogrify programs, which keep the photo's own
subsampling, are given 4:4:4.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imageio_ffmpeg

WIDTH, HEIGHT = 1280, 720

PROGRAMS = {
    "FFMPEG": str(imageio_ffmpeg.get_ffmpeg_exe()),
    "FFPREP": str(Path(sys.executable).with_name("ffprep")),
    "PYTHON": sys.executable,
}


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to do the work. `probe` prints a version where the peer is installed, else fails.

    `chroma` is the subsampling of its JPEGs.
    """

    name: str
    what: str
    probe: tuple[str, ...]
    command: tuple[str, ...]
    chroma: str = "444"

    def version(self) -> str | None:
        """The installed version, None where the peer is missing."""
        try:
            done = subprocess.run(
                self.probe, env=environment(), capture_output=True, text=True, timeout=60
            )
        except OSError:
            return None
        number = re.search(r"\d+(\.\d+)+[-\w]*", done.stdout + done.stderr)
        return number[0] if number and not done.returncode else None


@cache
def _node_path() -> str:
    """Where node finds what npm installed for everybody; the user's own NODE_PATH comes first."""
    try:
        done = subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return os.environ.get("NODE_PATH", "")
    return ":".join(filter(None, (os.environ.get("NODE_PATH"), done.stdout.strip())))


def environment(**work: str) -> dict[str, str]:
    """The environment in which a peer runs."""
    return {**os.environ, **PROGRAMS, "NODE_PATH": _node_path(), **work}


def _shell(script: str) -> tuple[str, ...]:
    return ("sh", "-c", script)


def _python(script: str) -> tuple[str, ...]:
    return (PROGRAMS["PYTHON"], "-c", script)


def _each(command: str, batch: int = 1) -> tuple[str, ...]:
    """`command` for every photo, JOBS processes at a time; `batch` photos to a process."""
    return _shell(f"""cd "$SET" && printf '%s\\0' * | xargs -0 -P "$JOBS" -n {batch} {command}""")


_COVER = (
    f"scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT}"
    ",format=yuvj444p"
)
_FFMPEG = f'"$FFMPEG" -nostdin -v error -y -i "$1" -vf {_COVER} -frames:v 1 -q:v 1 -qmin 1'
_MAGICK = (
    f"mogrify -auto-orient -resize {WIDTH}x{HEIGHT}^ -gravity center -extent {WIDTH}x{HEIGHT}"
    " -quality 95 -sampling-factor 1x1 -format jpg"
)

_POOL = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
{imports}

def convert(path):
    output = Path(os.environ["OUT"], path.stem + ".jpg")
    try:
        {body}
    except Exception as error:
        print(path, error, file=sys.stderr)

with ThreadPoolExecutor({workers}) as pool:
    list(pool.map(convert, sorted(Path(os.environ["SET"]).iterdir())))
"""

_PILLOW = _POOL.format(
    imports="from PIL import Image, ImageOps",
    body=f"""with Image.open(path) as photo:
            upright = ImageOps.exif_transpose(photo).convert("RGB")
        fitted = ImageOps.fit(upright, ({WIDTH}, {HEIGHT}), Image.Resampling.LANCZOS)
        fitted.save(output, quality=95)""",
    workers="4",
)

_PYVIPS = _POOL.format(
    imports="import pyvips",
    body=f"""photo = pyvips.Image.thumbnail(str(path), {WIDTH}, height={HEIGHT}, crop="centre")
        photo.write_to_file(str(output), Q=95)""",
    workers='int(os.environ["JOBS"])',
)

_SHARP = f"""
const fs = require("fs"), path = require("path"), sharp = require("sharp");
const {{SET, OUT, JOBS}} = process.env;
const waiting = fs.readdirSync(SET);
async function work() {{
  for (let name; (name = waiting.pop()); ) {{
    const output = path.join(OUT, path.parse(name).name + ".jpg");
    await sharp(path.join(SET, name)).rotate().resize({WIDTH}, {HEIGHT}, {{fit: "cover"}})
      .jpeg({{quality: 95}}).toFile(output).catch((error) => console.error(name, error.message));
  }}
}}
for (let worker = 0; worker < Number(JOBS); worker++) work();
"""


def _ffprep(name: str, what: str, chroma: str, *options: str) -> Peer:
    """Return ffprep with these options; it counts as missing if it does not know one of them."""
    words = " ".join(("--subsampling", chroma, *options))
    known = "".join(f'case "$help" in *" {o} "*) ;; *) exit 1;; esac; ' for o in options)
    return Peer(
        name,
        what,
        _shell(f'help=$("$FFPREP" convert --help); {known}exec "$FFPREP" --version'),
        _shell(
            'exec "$FFPREP" convert "$SET" -o "$OUT" --mode cover --quality 95 --jobs "$JOBS"'
            f" --size {WIDTH}x{HEIGHT} {words}"
        ),
        chroma,
    )


FFPREP = _ffprep("ffprep", "ffprep convert, every output verified", "444")
FFPREP_420 = _ffprep("ffprep-420", "ffprep convert --subsampling 420, verified", "420")
FFPREP_FAST = _ffprep("ffprep-fast", "ffprep convert --fast, verified", "444", "--fast")
BASES = {"444": FFPREP.name, "420": FFPREP_420.name}
"""The peer with which the others are compared, by chroma subsampling."""

PEERS = (
    FFPREP,
    FFPREP_420,
    FFPREP_FAST,
    Peer(
        "ffmpeg-loop",
        "shell loop, one ffmpeg after the other",
        (PROGRAMS["FFMPEG"], "-version"),
        _shell(
            'cd "$SET" && for photo in *; do set -- "$photo"; '
            + _FFMPEG
            + ' "$OUT/${1%.*}.jpg"; done'
        ),
    ),
    Peer(
        "ffmpeg-xargs",
        "one ffmpeg a photo under xargs -P",
        (PROGRAMS["FFMPEG"], "-version"),
        _each(f"""sh -c '{_FFMPEG} "$OUT/${{1%.*}}.jpg"' sh"""),
    ),
    Peer(
        "pillow",
        "Pillow, ImageOps.fit with LANCZOS in 4 threads",
        _python("import PIL; print(PIL.__version__)"),
        _python(_PILLOW),
        "420",
    ),
    Peer(
        "pyvips",
        "pyvips, Image.thumbnail in threads",
        _python("import pyvips as v; print(*map(v.version, range(3)), sep='.')"),
        _python(_PYVIPS),
    ),
    Peer(
        "vipsthumbnail",
        "vipsthumbnail, 4 photos a process, under xargs -P",
        ("vipsthumbnail", "--vips-version"),
        _each(
            f'vipsthumbnail --size {WIDTH}x{HEIGHT} --smartcrop centre -o "$OUT/%s.jpg[Q=95]"', 4
        ),
    ),
    Peer(
        "imagemagick",
        "ImageMagick mogrify, 4 photos a process, under xargs -P",
        ("mogrify", "-version"),
        _each(f'{_MAGICK} -path "$OUT"', 4),
    ),
    Peer(
        "graphicsmagick",
        "GraphicsMagick mogrify, 4 photos a process, under xargs -P",
        ("gm", "version"),
        _each(f'gm {_MAGICK} -output-directory "$OUT"', 4),
    ),
    Peer(
        "sharp",
        "sharp on node, JOBS at a time",
        ("node", "-p", "require('sharp').versions.sharp"),
        ("node", "-e", _SHARP),
        "420",
    ),
)

USUAL = ("ffmpeg-xargs", "pillow", "pyvips", "sharp", "ffprep-fast")
"""The peers of the race, unless others are chosen."""

_DECODE = '"$FFMPEG" -nostdin -v error -noautorotate -threads 1'

FLOOR = (
    FFPREP,
    Peer(
        "djpeg",
        "libjpeg-turbo decodes, nothing else",
        ("djpeg", "-version"),
        _each("djpeg -outfile /dev/null"),
    ),
    Peer(
        "djpeg-half",
        "libjpeg-turbo decodes at half scale, nothing else",
        ("djpeg", "-version"),
        _each("djpeg -scale 1/2 -outfile /dev/null"),
    ),
    Peer(
        "ffmpeg-decode",
        "ffmpeg decodes, one process a photo",
        (PROGRAMS["FFMPEG"], "-version"),
        _each(f"""sh -c '{_DECODE} -i "$1" -f null -' sh"""),
    ),
    Peer(
        "ffmpeg-sequence",
        "ffmpeg decodes, JOBS processes that share the photos",
        (PROGRAMS["FFMPEG"], "-version"),
        _shell(
            'cd "$SET" && count=$(ls | wc -l) && share=$(( (count + JOBS - 1) / JOBS )) && '
            'seq 1 "$share" "$count" | xargs -P "$JOBS" -I{} '
            f'{_DECODE} -f image2 -framerate 1 -start_number {{}} -t "$share" -i %04d.jpg '
            "-vf select=0 -f null -"
        ),
    ),
)
"""The cost of decoding alone, which no converter that reads whole photos can undercut.

The sequence drops its frames in `select=0`. Without that, ffmpeg converts each frame to the size
and pixel format of the first one.
"""


def installed(wanted: Sequence[Peer]) -> tuple[dict[str, str], list[str]]:
    """The versions of those that are installed, by name; and the names of those that are not."""
    versions = {peer.name: peer.version() for peer in wanted}
    missing = [name for name, version in versions.items() if not version]
    return {name: version for name, version in versions.items() if version}, missing
