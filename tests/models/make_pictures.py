"""Writes the pictures of this folder with Pillow: what cameras, printers and drawing programs make.

    python3 -m venv env
    env/bin/pip install pillow==13.0.0
    env/bin/python tests/models/make_pictures.py
"""

from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent


def halves(mode, size, first, second, upper=False):
    """One colour on the left, or above, and another one for the rest."""
    picture = Image.new(mode, size, second)
    width, height = size
    ImageDraw.Draw(picture).rectangle((0, 0, width, height // 2 - 1) if upper else (0, 0, width // 2 - 1, height), fill=first)
    return picture


# For print: cyan on the left, yellow on the right.
halves("CMYK", (48, 48), (255, 0, 0, 0), (0, 0, 255, 0)).save(HERE / "print.jpg", quality=95)

# A camera held upright: stored with blue above, to be shown turned a quarter clockwise, which puts blue on the right.
camera = Image.Exif()
camera[0x0112] = 6
halves("RGB", (64, 48), (0, 0, 255), (255, 0, 0), upper=True).save(HERE / "turned.jpg", quality=95, exif=camera)

# A green picture, then a red one.
frames = [Image.new("RGB", (40, 40), colour) for colour in ("lime", "red")]
frames[0].save(HERE / "wave.gif", save_all=True, append_images=frames[1:], duration=200, loop=0)
