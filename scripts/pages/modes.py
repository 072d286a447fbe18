"""Print docs/guide/modes.md: each shipped mode with its file and its filter chain.

python -m scripts.pages.modes > docs/guide/modes.md
"""

import re
import textwrap
from pathlib import Path

from ffprep.config.modes import ALIASES, all_modes, auto_summary, filters_dir
from ffprep.conversion import command as graph
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec

HEAD = """\
# Modes

A mode defines how a photo is fitted into a frame with another aspect ratio. Each mode is one TOML
file in `filters/`; `ffprep modes` lists them. `scripts/pages/modes.py` generates this page from
those files. The filter chains are what FFmpeg gets for a JPEG photo and `--size 1280x720`, after
turning the photo upright and before encoding it. The pictures show an upright photo in a frame of
16:9.

{aliases}

| mode | does | keeps | loses | suits |
|---|---|---|---|---|
"""

OWN = """\
## Writing your own mode

To add a mode, put a file into a folder and name the folder with `--modes-dir DIR`, or put the file
into the `filters` folder of ffprep's configuration folder (`~/.config/ffprep/filters` on Linux).
The name of the file is the name of the mode:

```toml
# polaroid.toml: ffprep convert photos -o out --size 800x960 --mode polaroid --modes-dir .
summary = "Place a square crop on a white card."
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

- A step is one FFmpeg filter, with FFmpeg's own option names and expressions (`iw`, `ih`, `ow`,
  `oh`, ...). Filters that read or write anything but pictures are not allowed. `scale` gets
  ffprep's own `flags` unless it sets some.
- `{width} {height} {background} {focus_x} {focus_y}` are replaced by the values of the command
  line.
- A step reads the output of the step before it. `from` names another stream, or a list of streams;
  `to` names the output of the step. `photo` is the upright photo. Several steps can read one
  stream.
- The last step must produce the exact size: an output of any other size is never published.
- `fit` says how the photo lies in the frame, in the terms of CSS's `object-fit`: `cover`, `contain`
  or `fill`. `ffprep info --size` uses it to report what would be cut, barred or enlarged. Leave it
  out if none applies, as here; for enlarging, such a mode is then treated like `contain`.
- `scenes` lists the values of `--scene` that select the mode; new names are allowed. Your own mode
  takes precedence over a shipped one. If a scene has one mode that cuts and one that shows the
  whole photo, ffprep uses the second for photos of which the first would cut too much.
- Errors name the file, the line and the key (exit code 3).
- Mode files are trusted like a Makefile. Filters and options that open files, sockets, devices or
  plug-ins are still refused.
"""


def chain(mode: Mode) -> str:
    """The steps of a mode as FFmpeg's filter syntax, one a line."""
    photo = ImageInfo(FORMATS[0], Size(4000, 3000), planes="yuv420p")
    argv = graph.command(
        "ffmpeg", Path("photo.jpg"), photo, (Spec(Size(1280, 720), mode),), [Path("o.jpg")]
    )
    steps = argv[argv.index("-filter_complex") + 1].split(";")[1:]
    tail = next(i for i, step in enumerate(steps) if "sidedata" in step)
    return "\n".join(re.sub(r"\\,", ",", step) for step in steps[:tail])


def _row(mode: Mode) -> str:
    suits = ", ".join(mode.suits) or "not recommended"
    return f"| `{mode.name}` | {mode.summary} | {mode.keeps} | {mode.loses} | {suits} |\n"


def page() -> str:
    """The whole page."""
    modes = all_modes()
    aliases = ", ".join(f"`{alias}` is `{name}`" for alias, name in ALIASES.items())
    aliases = "\n".join(textwrap.wrap(f"Modes have other names, too: {aliases}.", 100))
    parts = [
        HEAD.format(aliases=aliases) + "".join(_row(mode) for mode in (auto_summary(), *modes))
    ]
    for mode in modes:
        source = (filters_dir() / f"{mode.name}.toml").read_text(encoding="utf-8")
        words = "\n".join(
            textwrap.wrap(f"{mode.summary} Keeps {mode.keeps}; loses {mode.loses}.", 100)
        )
        parts.append(
            f"## {mode.name}\n\n{words}\n\n"
            f"![An upright photo with {mode.name}](../pictures/mode-{mode.name}.webp)\n\n"
            f"```toml\n{source}```\n\n```\n{chain(mode)}\n```\n"
        )
    return "\n".join([*parts, OWN])


if __name__ == "__main__":
    print(page(), end="")
