"""Pictures as we keep them, and codes that a camera reads."""

from io import BytesIO
from typing import TYPE_CHECKING

from grants.kernel.errors import RuleBroken
from grants.kernel.later import Later

if TYPE_CHECKING:
    import segno
    from PIL import Image, ImageOps
else:
    segno, Image, ImageOps = Later("segno"), Later("PIL.Image"), Later("PIL.ImageOps")

LARGEST_PICTURE = 6 * 1024 * 1024
"""Bytes of one picture as it comes."""
LARGEST_SIDE = 1600
"""Pixels of the longer side as it is kept."""
MOST_PIXELS = 40_000_000
_KINDS = {"JPEG", "PNG", "WEBP"}


def re_encoded(content: bytes) -> bytes:
    """A picture as we keep it: JPEG, upright, at most 1,600 pixels a side, and nothing in it but the pixels.

    What it is, the bytes say, never the name. Raises ``RuleBroken`` for what is no JPEG, PNG or WebP, or too large.
    """
    if len(content) > LARGEST_PICTURE:
        raise RuleBroken("Choose a picture of 6 MB or less.", field="picture")
    try:
        with Image.open(BytesIO(content), formats=sorted(_KINDS)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise RuleBroken("Choose a smaller picture: this one has too many pixels.", field="picture")
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            plain = Image.new("RGB", upright.size, "white")
            clear = upright.convert("RGBA")
            plain.paste(clear, mask=clear.getchannel("A"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise RuleBroken("Choose a picture: a JPEG, PNG or WebP file.", field="picture") from None
    kept = BytesIO()
    plain.save(kept, "JPEG", quality=85, optimize=True)
    return kept.getvalue()


def qr_picture(text: str) -> str:
    """The text as a QR code, as a picture that stands in the page itself (a ``data:`` address)."""
    return str(segno.make(text, error="m", micro=False).png_data_uri(scale=4, border=2))
