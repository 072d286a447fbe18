"""Drawn faces, which the detector takes for faces of people."""

from PIL import Image, ImageColor, ImageDraw, ImageFilter

_WALL, _SKIN, _HAIR, _EYE, _LIP = "#7896aa", "#e0ac8c", "#3c281e", "#322319", "#aa4646"


def face(side: int) -> Image.Image:
    """Return a face before a wall, of `side` x `side` pixels."""
    picture = Image.new("RGB", (200, 200), _WALL)
    pen = ImageDraw.Draw(picture)

    def ellipse(x: int, y: int, across: int, down: int, color: str) -> None:
        pen.ellipse([x - across, y - down, x + across, y + down], fill=color)

    ellipse(100, 85, 66, 80, _HAIR)
    ellipse(100, 105, 58, 75, _SKIN)
    for x in (76, 124):
        ellipse(x, 92, 13, 8, "#fafafa")
        ellipse(x, 92, 7, 7, _EYE)
        pen.arc([x - 16, 70, x + 16, 92], 200, 340, fill=_HAIR, width=5)
    pen.polygon([(100, 95), (88, 128), (112, 128)], fill="#cc9878")
    ellipse(100, 150, 24, 8, _LIP)
    pen.line([(78, 150), (122, 150)], fill="#6e2828", width=3)
    return picture.filter(ImageFilter.GaussianBlur(2)).resize((side, side))


def photo(width: int, height: int, *places: tuple[int, int, int]) -> Image.Image:
    """Return a wall with faces before it, each at the left, top and side of its square."""
    picture = Image.new("RGB", (width, height), _WALL)
    for left, top, side in places:
        picture.paste(face(side), (left, top))
    return picture


def shows_skin(picture: Image.Image) -> bool:
    """Return whether a face fills a good part of a picture."""
    pixels = picture.convert("RGB").resize((30, 60)).tobytes()
    skin = ImageColor.getrgb(_SKIN)
    near = (
        abs(red - skin[0]) + abs(blue - skin[2]) < 40
        for red, blue in zip(pixels[::3], pixels[2::3], strict=True)
    )
    return sum(near) > 100
