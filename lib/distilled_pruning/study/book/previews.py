"""The first picture of every executed page: for its card on the welcome page, and what links lead to."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..parameters.notebooks import text
from . import editions

PNG = "image/png"
DRAWN = re.compile(
    r'<figure class="evidence"(?: id="(?P<label>[^"]*)")?>.*?'
    r'<img [^>]*src="data:image/svg\+xml;base64,(?P<picture>[^"]+)"',
    re.DOTALL,
)
WIDTH = 640  # pixels: twice the width of a card, for fine screens


@dataclass(frozen=True)
class Preview:
    """One page as a card shows it.

    Attributes:
        title: Its heading.
        label: Name of its first figure, empty where that has none.
        file: Name of its picture within the book's ``_static``; empty where the page has none.
        picture: The picture.
    """

    title: str
    label: str = ""
    file: str = ""
    picture: bytes = b""


def of_page(name: str, notebook: Mapping[str, Any]) -> Preview:
    """Find heading and first picture of an executed notebook.

    Args:
        name: The notebook's name.
        notebook: The executed notebook, as JSON.
    """
    heads = (text(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    title = next((line[2:] for head in heads for line in head.splitlines() if line.startswith("# ")), name)
    for output in (item for cell in notebook["cells"] for item in cell.get("outputs", ())):
        data = output.get("data", {})
        drawn = DRAWN.search("".join(data.get("text/html", "")))
        if drawn:
            picture = base64.b64decode(drawn["picture"])
            shown = f"{Path(editions.PICTURES).name}/{editions.file_name(picture, 'svg')}"  # the page's own
            return Preview(title, drawn["label"] or "", shown, picture)
        if PNG in data:
            return Preview(title, "", f"{name}.png", _smaller("".join(data[PNG])))
    return Preview(title)


def _smaller(encoded: str) -> bytes:
    """Scale a picture down to the size of a card."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        small = image.convert("RGB")
        small.thumbnail((WIDTH, 4 * WIDTH))
        buffer = io.BytesIO()
        small.quantize(64).save(buffer, "png", optimize=True)
    return buffer.getvalue()
