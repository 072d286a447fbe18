"""Draw a few sample photos with FFmpeg itself: landscape, phone portrait, transparent, odd sizes.

python -m scripts.samples.photos FOLDER
"""

import subprocess
import sys
from pathlib import Path

from PIL import Image

from ffprep.conversion.ffmpeg_binary import find

_SCENE = "gradients=s={size}:c0=0x203a6b:c1=0xe8b04b:c2=0xb5442e:n=3:seed=7:x0=0:y0=0:x1=0:y1=900"
_HILL = "drawbox=y=ih*0.72:w=iw:h=ih:color=0x24452c:t=fill"
_SUN = "drawbox=x=iw*0.64:y=ih*0.2:w=ih*0.2:h=ih*0.2:color=0xfff2c4:t=fill"
_GRAIN = "noise=alls=6:all_seed=7"
_LOGO = "format=rgba,geq=r='255-X/2':g='60+Y/3':b=90:a='255*lt(hypot(X-W/2,Y-H/2),H/2.2)'"


def draw(path: Path, size: str, filters: str, source: str = _SCENE) -> None:
    """Write one frame of `source`, through `filters`, to `path`; `size` is WxH."""
    command = [find().path, "-v", "error", "-y", "-f", "lavfi", "-i", source.format(size=size)]
    command += ["-vf", filters, "-frames:v", "1", "-q:v", "2", "-update", "1", f"file:{path}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def as_phone_portrait(path: Path) -> None:
    """Store a photo as an upright phone does: rotated, with EXIF orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path) as photo:
        photo.rotate(90, expand=True).save(path, quality=95, exif=exif)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    photo = f"{_HILL},{_SUN},{_GRAIN},format=yuvj420p"
    draw(folder / "landscape.jpg", "3000x2000", photo)
    draw(folder / "portrait.jpg", "1500x2000", photo)
    as_phone_portrait(folder / "portrait.jpg")
    draw(folder / "odd.jpg", "1023x767", photo)
    draw(folder / "panorama.png", "2999x601", f"{photo},format=rgb24")
    draw(folder / "logo.png", "500x401", _LOGO, "color=s={size}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
