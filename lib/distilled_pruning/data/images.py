"""Images as tensors: normalised, resized, measured."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 1000


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Normalise images [N, C, H, W] by ``mean`` and ``std`` [1, C, 1, 1]: float32, differentiable for float images.

    Images of uint8 are divided by 255 first.
    """
    if images.dtype == torch.uint8:
        return images.float().sub_(mean * 255).div_(std * 255)
    return (images.float() - mean) / std


def chunks(count: int, length: int = _CHUNK) -> Iterator[slice]:
    """Cut a range into slices."""
    return (slice(begin, begin + length) for begin in range(0, count, length))


def resize(images: Tensor, size: int) -> Tensor:
    """Resize square images [N, C, H, W] bilinearly (antialiased when shrinking); uint8 stays uint8, rounded."""
    if images.shape[-1] == size:
        return images
    out = torch.empty(*images.shape[:2], size, size, dtype=images.dtype)
    for part in chunks(len(images)):
        scaled = F.interpolate(images[part].float(), (size, size), mode="bilinear", antialias=size < images.shape[-1])
        out[part] = scaled.round_().clamp_(0, 255) if images.dtype == torch.uint8 else scaled
    return out


def statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Measure mean and standard deviation of each channel over all pixels, to four decimals, as usually printed."""
    channels = images.shape[1]
    total = torch.zeros(2, channels, dtype=torch.float64)
    # Of 8-bit images only how often each value occurs is counted, which is exact and needs no copy in floats.
    grey = torch.arange(256, dtype=torch.float64) / 255
    powers = torch.stack([grey, grey.square()])
    for part in chunks(len(images), 100):
        for channel in range(channels):
            values = images[part, channel].flatten()
            if images.dtype == torch.uint8:
                total[:, channel] += powers @ values.bincount(minlength=256).double()
            else:
                total[:, channel] += torch.stack([values.double().sum(), values.double().square().sum()])
    mean, square = total / (images.numel() // channels)
    std = (square - mean.square()).clamp(min=0).sqrt()
    return tuple(round(v, 4) for v in mean.tolist()), tuple(round(v, 4) for v in std.tolist())
