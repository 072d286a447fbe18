"""Print docs/guide/modes.md: each shipped mode with its words and its chain as FFmpeg gets it.

python -m scripts.pages.modes > docs/guide/modes.md
"""

import re
import textwrap
from pathlib import Path

from ffprep.config.modes import all_modes, filters_dir
from ffprep.conversion import filtergraph as graph
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec

HEAD = """\
# Modes

A mode is how a photo is made to fit a frame of other proportions. Each is one TOML file in `filters/`;
`ffprep modes` lists them. What follows is made from those files by `scripts/pages/modes.py`; the chains are
what FFmpeg gets for a JPEG photo and `--size 1280x720`, between turning the photo upright and encoding it.

| mode | does | keeps | loses | suits |
|---|---|---|---|---|
"""

OWN = """\
## A mode of your own

A file dropped into a folder named by `--filters DIR`, or into the `filters` folder of ffprep's configuration
folder (`~/.config/ffprep/filters` on Linux), is a mode of its own, named after the file:

```toml
# polaroid.toml: ffprep convert photos -o out --size 800x960 --mode polaroid --filters .
summary = "A square cut on a white card."
keeps = "proportions"
loses = "the edges"
suits = ["portrait"]

[[step]]
filter = "crop"
w = "min(iw, ih)"
h = "min(iw, ih)"
exact = 1

[[step]]
filter = "scale"
w = "{width}-80"
h = "{width}-80"

[[step]]
filter = "pad"
w = "{width}"
h = "{height}"
x = 40
y = 40
color = "white"
```

- A step is one FFmpeg filter, any that neither reads nor writes anything but pictures, with FFmpeg's own
  option names and expressions (`iw`, `ih`, `ow`, `oh`, ...). `scale` gets ffprep's own `flags` unless it names some.
- `{width} {height} {background} {focus_x} {focus_y}` are filled in from the command line.
- A step reads what the step before it made. `from` names another stream, or a list of them; `to` gives the
  step's own stream a name. `photo` is the upright photo. A stream may be read by several steps.
- The last step has to make the exact size: an output of any other size is never published.
- `fit` says in the words of CSS's `object-fit` how the photo lies in the frame: `cover`, `contain` or `fill`. From it
  `ffprep info --size` tells what would be cut, set in bars or enlarged. It is left out where none is true, as
  here; of enlarging, such a mode is then judged like `contain`.
- `scenes` are those for which `--scene` takes the mode, also new ones; one of your own comes before one of ffprep's. Where a mode that
  cuts and one that shows the whole photo are for one scene, the second is for photos of which the first would cut too much.
- A mistake is told by file, line and key (exit code 3).
- Mode files are trusted like a Makefile. Filters and options that open files, sockets, devices
  or plug-ins are refused all the same.
"""


def chain(mode: Mode) -> str:
    """The steps of a mode as FFmpeg's filter syntax, one a line."""
    photo = ImageInfo(FORMATS[0], Size(4000, 3000))
    argv = graph.command(
        "ffmpeg", Path("photo.jpg"), photo, Spec(Size(1280, 720), mode), Path("o.jpg")
    )
    steps = argv[argv.index("-filter_complex") + 1].split(";")[1:]
    tail = next(i for i, step in enumerate(steps) if "sidedata" in step)
    return "\n".join(re.sub(r"\\,", ",", step) for step in steps[:tail])


def page() -> str:
    """The whole page."""
    modes = all_modes()
    rows = [
        f"| `{m.name}` | {m.summary} | {m.keeps} | {m.loses} | {', '.join(m.suits) or 'not recommended'} |\n"
        for m in modes
    ]
    parts = [HEAD + "".join(rows)]
    for mode in modes:
        source = (filters_dir() / f"{mode.name}.toml").read_text(encoding="utf-8")
        words = "\n".join(
            textwrap.wrap(f"{mode.summary} Keeps {mode.keeps}; loses {mode.loses}.", 110)
        )
        parts.append(
            f"## {mode.name}\n\n{words}\n\n```toml\n{source}```\n\n```\n{chain(mode)}\n```\n"
        )
    return "\n".join([*parts, OWN])


if __name__ == "__main__":
    print(page(), end="")
