"""ZCA whitening, for the first paper's distilled images."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import disk
from ..errors import InputError
from .cache import cache_folder
from .catalog import WHITENED
from .images import chunks

_EPSILON = 0.1


@dataclass(frozen=True, eq=False)
class Whitening:
    """A fitted ZCA transform of whole images.

    Attributes:
        mean: Mean image, flattened, float32 [D] with D = C x H x W.
        matrix: Symmetric transform, float32 [D, D].
        inverse: Its inverse, for looking at whitened images.
    """

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """Whiten images [N, C, H, W], uint8 or float in [0, 1]; give float32."""
        out = torch.empty(images.shape, device=images.device)
        mean, matrix = self.mean.to(images.device), self.matrix.to(images.device)
        for part in chunks(len(images)):
            out[part] = ((_flatten(images[part]) - mean) @ matrix).view_as(images[part])
        return out

    def undo(self, images: Tensor) -> Tensor:
        """Bring whitened images float32 [N, C, H, W] back to [0, 1]."""
        flat = images.flatten(1) @ self.inverse.to(images.device) + self.mean.to(images.device)
        return flat.view_as(images)


def _flatten(images: Tensor) -> Tensor:
    """Flatten images to float32 [N, D] in [0, 1]."""
    return images.flatten(1).float() / 255 if images.dtype == torch.uint8 else images.flatten(1).float()


def fit(images: Tensor, epsilon: float = _EPSILON) -> Whitening:
    """Fit ZCA as the trajectory-matching authors do (2307.03364, whose CIFAR-10 images live in this space).

    The transform is ``U diag((L + epsilon) ** -1/2) U'`` for the pixels' unbiased covariance ``U diag(L) U'``.

    Args:
        images: Training images [N, C, H, W], uint8 or float in [0, 1].
        epsilon: Added to the eigenvalues.

    Raises:
        InputError: Images too large for a dense covariance, or fewer than two.
    """
    width = images[0].numel() if len(images) else 0
    if width > WHITENED:
        raise InputError(
            f"ZCA whitening needs the covariance of all {width} values of an image: "
            f"use images of at most {WHITENED}, such as 3 x 32 x 32"
        )
    if len(images) < 2:
        raise InputError(f"ZCA whitening needs at least two images, not {len(images)}")
    mean = sum((_flatten(images[part]).double().sum(0) for part in chunks(len(images))), torch.zeros(width).double())
    mean = (mean / len(images)).float()
    # In float64: small eigenvalues of the covariance are differences of large sums, and are divided by below.
    covariance = torch.zeros(width, width, dtype=torch.float64)
    for part in chunks(len(images)):
        centred = _flatten(images[part]) - mean
        covariance += centred.T @ centred
    values, vectors = torch.linalg.eigh(covariance / (len(images) - 1))
    scale = (values.clamp(min=0) + epsilon).sqrt()
    return Whitening(mean, ((vectors / scale) @ vectors.T).float(), ((vectors * scale) @ vectors.T).float())


def fit_once(images: Tensor, key: str) -> Whitening:
    """Fit ZCA, or give the fit kept under a key that names the images."""
    path = cache_folder() / "whitening" / f"{key}.npz"
    names = ("mean", "matrix", "inverse")
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile), np.load(path) as kept:
        return Whitening(*(torch.from_numpy(kept[name]) for name in names))
    found = fit(images)
    with suppress(OSError):
        arrays = {name: getattr(found, name).numpy() for name in names}
        disk.write_whole({path: lambda place: np.savez(place, **arrays)})
    return found
