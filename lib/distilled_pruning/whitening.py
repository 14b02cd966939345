"""ZCA whitening, for the first paper's distilled images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import InputError

EPSILON = 0.1
LARGEST = 4096


@dataclass(frozen=True, eq=False)
class Whitening:
    """A fitted ZCA transform of whole images.

    Attributes:
        mean: Mean image, flattened, float32 [D] with D = C x H x W.
        matrix: Symmetric transform float32 [D, D].
        inverse: Its inverse, for looking at whitened images.
    """

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def apply(self, images: Tensor) -> Tensor:
        """Whiten images float32 [N, C, H, W] in [0, 1]."""
        flat = images.reshape(len(images), -1) - self.mean.to(images.device)
        return (flat @ self.matrix.to(images.device)).reshape(images.shape)

    def undo(self, images: Tensor) -> Tensor:
        """Bring whitened images float32 [N, C, H, W] back to [0, 1]."""
        flat = images.reshape(len(images), -1) @ self.inverse.to(images.device) + self.mean.to(images.device)
        return flat.reshape(images.shape)


def fit(images: Tensor, epsilon: float = EPSILON) -> Whitening:
    """Fit ZCA as the trajectory-matching authors do (2307.03364, whose CIFAR-10 images live in this space).

    The transform is ``U diag((L + epsilon) ** -1/2) U'`` of the pixels' unbiased covariance ``U diag(L) U'``.

    Args:
        images: Training images float32 in [0, 1], [N, C, H, W].
        epsilon: Added to the eigenvalues.

    Raises:
        InputError: Images too large for a dense covariance.
    """
    flat = images.reshape(len(images), -1)
    if flat.shape[1] > LARGEST:
        raise InputError(
            f"ZCA whitening needs a dense covariance of all {flat.shape[1]} values of an image: "
            f"use images of at most {LARGEST} values, such as 3 x 36 x 36"
        )
    mean = flat.mean(0)
    centred = flat - mean
    covariance = (centred.T @ centred / (len(flat) - 1)).double()
    values, vectors = torch.linalg.eigh(covariance)
    scale = (values.clamp(min=0) + epsilon).sqrt()
    matrix = (vectors / scale) @ vectors.T
    return Whitening(mean, matrix.float(), ((vectors * scale) @ vectors.T).float())
