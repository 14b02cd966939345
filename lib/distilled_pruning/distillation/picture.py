"""Stored images laid out as one picture; no torch in here, so that pages can show what a store holds."""

from __future__ import annotations

import numpy as np

__all__ = ["grid"]

_WHITE, SMALLEST = 1.0, 1e-8


def grid(
    images: np.ndarray,
    classes: int,
    *,
    space: str = "pixel",
    columns: int | None = None,
    margin: int = 1,
    sideways: bool = False,
) -> np.ndarray:
    """Lay stored images out as one picture, a row for each class.

    Args:
        images: Stored images [classes * ipc, channels, height, width], sorted by class.
        classes: Number of classes.
        space: ``"pixel"``; images in other spaces are stretched, each from its smallest to its largest value.
        columns: Images of each class to show, at most; all by default.
        margin: White pixels between images.
        sideways: Give each class a column instead.

    Returns:
        Picture uint8 [height, width, 3]; values outside what a screen shows are clipped.
    """
    shown = images.astype(np.float32)
    if space != "pixel":
        low, high = shown.min((1, 2, 3), keepdims=True), shown.max((1, 2, 3), keepdims=True)
        shown = (shown - low) / np.maximum(high - low, SMALLEST)
    _, _, height, width = shown.shape
    shown = np.broadcast_to(shown.clip(0, 1), (len(shown), 3, height, width))
    rows = shown.reshape(classes, -1, 3, height, width)[:, :columns]
    if sideways:
        rows = rows.swapaxes(0, 1)
    down, across = rows.shape[:2]
    padded = np.pad(rows, ((0, 0),) * 3 + ((0, margin), (0, margin)), constant_values=_WHITE)
    picture = padded.transpose(0, 3, 1, 4, 2).reshape(down * (height + margin), across * (width + margin), 3)
    picture = np.pad(picture, ((margin, 0), (margin, 0), (0, 0)), constant_values=_WHITE)
    return (picture * 255).round().astype(np.uint8)
