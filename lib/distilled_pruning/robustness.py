"""Images that were shifted away from what a network was trained on: adversarial examples and common corruptions.

Both are made in pixels and give a :class:`~distilled_pruning.data.Split` like the one they were made from, so that
``training.evaluate`` measures a network on them. Budgets are in 255ths of the pixels' range: [0, 1] for 8-bit images,
from their smallest to their largest value for others.

The attacks are those of Goodfellow et al. 2015 and Madry et al. 2018 in the maximum norm; the corruptions and their
severities are those of CIFAR-10-C (Hendrycks and Dietterich 2019) that are defined for images of any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .data.split import Split
from .errors import InputError, unknown
from .models.suit import suit
from .training.forward import evaluating, resolve, usual_batch

__all__ = ["CORRUPTIONS", "SEVERITIES", "corrupt", "fgsm", "pgd"]

_LEVELS = 255
_REACH = 2.5  # total length of PGD's steps over the radius (Madry et al. 2018)
_TRUNCATE = 4.0  # deviations at which a Gaussian kernel ends

_Corruption = Callable[[Tensor, float, torch.Generator], Tensor]


def _to_pixels(split: Split, dtype: torch.dtype) -> tuple[Tensor, float, float]:
    """Give a split's images as floats [N, C, H, W], and the ends of their range."""
    if split.whitening is not None:
        raise InputError("whitened images have no pixels to shift: set whitened to false, in Python zca=False")
    if split.images.dtype == torch.uint8:
        return split.images.to(dtype) / _LEVELS, 0.0, 1.0
    images = split.images.to(dtype)
    low, high = (float(end) for end in images.aminmax()) if len(images) else (0.0, 0.0)
    if not low < high:
        raise InputError("images of one value everywhere have no range of pixels to shift in: give images that differ")
    return images, low, high


def _radius(epsilon: float, low: float, high: float) -> float:
    """Turn a budget into pixel units."""
    if not epsilon > 0:
        raise InputError(f"an adversarial budget must be above 0, in 255ths of the pixels' range, not {epsilon}")
    return epsilon / _LEVELS * (high - low)


def _gradient(net: nn.Module, split: Split, images: Tensor, labels: Tensor) -> Tensor:
    """Gradient of each image's cross-entropy by its pixels, through the split's normalisation."""
    mean, std = (torch.tensor(v, dtype=images.dtype, device=images.device) for v in (split.mean, split.std))
    images = images.detach().requires_grad_()
    logits = net((images - mean[:, None, None]) / std[:, None, None])
    return torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), images)[0]


def _ascend(
    net: nn.Module, split: Split, epsilon: float, steps: int, length: float, noise: Tensor | None, device: torch.device
) -> Split:
    """Take steps of the gradient's sign, each of ``length`` radii, within the radius and the pixels' range."""
    images, low, high = _to_pixels(split, next(net.parameters()).dtype)
    reach, size = _radius(epsilon, low, high), usual_batch(device)
    suit(net.to(device), split)
    found = []
    with evaluating(net):
        for begin in range(0, len(split), size):
            part = slice(begin, begin + size)
            clean, labels = images[part].to(device), split.labels[part].to(device)
            moved = clean if noise is None else (clean + reach * noise[part].to(clean)).clamp(low, high)
            for _ in range(steps):
                moved = moved + length * reach * _gradient(net, split, moved, labels).sign()
                moved = torch.minimum(torch.maximum(moved, clean - reach), clean + reach).clamp(low, high)
            found.append(moved.cpu())
    return replace(split, images=torch.cat(found), labels=split.labels.cpu())


def fgsm(net: nn.Module, split: Split, epsilon: float, device: str | torch.device = "auto") -> Split:
    """Shift images by one step of the sign of the loss's gradient (Goodfellow et al. 2015, section 4).

    Args:
        net: The network, attacked in evaluation mode; its mode is restored.
        split: Images and true labels.
        epsilon: Largest change of any pixel, in 255ths of the pixels' range.
        device: Where to compute.

    Returns:
        The shifted images on the CPU, float [N, C, H, W] in pixels, with the split's labels and normalisation.

    Raises:
        InputError: Whitened images, images that do not suit the network or have one value everywhere, or a budget that
            is not above 0.
    """
    return _ascend(net, split, epsilon, 1, 1.0, None, resolve(device))


def pgd(
    net: nn.Module,
    split: Split,
    epsilon: float,
    steps: int = 10,
    seed: int = 0,
    device: str | torch.device = "auto",
) -> Split:
    """Shift images by projected gradient ascent from a random start (Madry et al. 2018).

    Args:
        net: The network, attacked in evaluation mode; its mode is restored.
        split: Images and true labels.
        epsilon: Largest change of any pixel, in 255ths of the pixels' range.
        steps: Steps, each of 2.5 radii over their number.
        seed: Seed of the start, drawn on the CPU for all images at once.
        device: Where to compute.

    Returns:
        The images after the last step on the CPU, as :func:`fgsm` gives them.

    Raises:
        InputError: As :func:`fgsm`, or no step.
    """
    if steps < 1:
        raise InputError(f"projected gradient ascent takes at least 1 step, not {steps}")
    noise = 2 * torch.rand(split.images.shape, generator=torch.Generator().manual_seed(seed)) - 1
    return _ascend(net, split, epsilon, steps, _REACH / steps, noise, resolve(device))


def _gaussian_noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add normal noise to every value."""
    return images + deviation * torch.randn(images.shape, generator=generator).to(images)


def _impulse_noise(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Turn a share of the values black or white, either as often."""
    hit, white = (torch.rand(images.shape, generator=generator).to(images.device) for _ in range(2))
    return torch.where(hit < share, (white < 0.5).to(images), images)


def _gaussian_blur(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Convolve with a normal kernel, cut at four deviations; beyond the edge lies the edge's colour."""
    reach = int(_TRUNCATE * deviation + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / deviation) ** 2)
    kernel = (weights / weights.sum()).to(images)
    flat = F.pad(images.flatten(0, 1)[:, None], (reach,) * 4, mode="replicate")
    flat = F.conv2d(F.conv2d(flat, kernel[None, None, :, None]), kernel[None, None, None, :])
    return flat.view_as(images)


def _brightness(images: Tensor, added: float, generator: torch.Generator) -> Tensor:
    """Raise the value of hue, saturation and value: the brightest channel, which takes the others along."""
    value = images.amax(1, keepdim=True)
    raised = (value + added).clamp(max=1)
    return torch.where(value > 0, images * (raised / value.clamp(min=1e-12)), raised)


def _contrast(images: Tensor, factor: float, generator: torch.Generator) -> Tensor:
    """Bring every value nearer to the mean of its channel in its image."""
    return torch.lerp(images.mean((2, 3), keepdim=True), images, factor)


def _shrinking(size: int, small: int) -> Tensor:
    """The matrix [size, size] that averages a line over ``small`` equal boxes and repeats each average in its box."""
    edges = torch.arange(small + 1, dtype=torch.float64) * size / small
    start = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], start + 1) - torch.maximum(edges[:-1, None], start)
    average = overlap.clamp(min=0) * small / size
    return average[((start + 0.5) * small / size).long()]


def _pixelate(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Shrink to a share of the side, rounded down, by averaging boxes, and enlarge again without smoothing."""
    rows, columns = (_shrinking(side, max(1, int(side * share))).to(images) for side in images.shape[2:])
    return rows @ images @ columns.T


CORRUPTIONS: dict[str, tuple[_Corruption, tuple[float, ...]]] = {
    "gaussian noise": (_gaussian_noise, (0.04, 0.06, 0.08, 0.09, 0.10)),
    "impulse noise": (_impulse_noise, (0.01, 0.02, 0.03, 0.05, 0.07)),
    "gaussian blur": (_gaussian_blur, (0.4, 0.6, 0.7, 0.8, 1.0)),
    "brightness": (_brightness, (0.05, 0.1, 0.15, 0.2, 0.3)),
    "contrast": (_contrast, (0.75, 0.5, 0.4, 0.3, 0.15)),
    "pixelate": (_pixelate, (0.95, 0.9, 0.85, 0.75, 0.65)),
}
SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(split: Split, name: str, severity: int, seed: int = 0) -> Split:
    """Corrupt images as CIFAR-10-C does (Hendrycks and Dietterich 2019), but without rounding to 8 bits.

    Args:
        split: Images and labels.
        name: One of :data:`CORRUPTIONS`.
        severity: One of :data:`SEVERITIES`, 1 the weakest.
        seed: Seed of noise, drawn on the CPU for all images at once.

    Returns:
        The corrupted images where the split's lie, float32 [N, C, H, W] in pixels, with its labels and normalisation.

    Raises:
        InputError: Whitened images, images of one value everywhere, an unknown corruption, or a severity that it does
            not have.
    """
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    if severity not in SEVERITIES:
        raise InputError(f"a severity is a whole number from 1 to {SEVERITIES[-1]}, not {severity}")
    operation, strengths = CORRUPTIONS[name]
    images, low, high = _to_pixels(split, torch.float32)
    generator = torch.Generator().manual_seed(seed)
    shifted = operation((images - low) / (high - low), strengths[severity - 1], generator).clamp(0, 1)
    return replace(split, images=low + (high - low) * shifted)
