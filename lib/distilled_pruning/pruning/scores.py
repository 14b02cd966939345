"""Scores of weights and of images: what SNIP, SynFlow and data diets rank by."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..models.weights import prunable

__all__ = ["Flow", "easiest", "el2n", "sensitivity"]


def sensitivity(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Score weights by ``|g * w|``, the first-order effect on the loss of removing them (Lee et al. 2019, Eq. 5).

    BatchNorm uses the batch's statistics, as in training; the network and its statistics are left as they are.

    Returns:
        Scores by weight name; the published division by their sum does not change their order and is left out.

    Raises:
        InputError: No images, a network that cannot be trained on them, or gradients that are not finite.
    """
    if not len(images):
        raise InputError("a batch of no images scores no weight: give at least one")
    net = copy.deepcopy(net).train().requires_grad_()  # a copy: BatchNorm would update its statistics
    weights = prunable(net)
    try:
        loss = F.cross_entropy(net(images), labels)
    except (RuntimeError, ValueError, IndexError) as error:
        raise InputError(
            f"the network does not take these images and labels ({error}): give it a batch that fits"
        ) from error
    gradients = torch.autograd.grad(loss, list(weights.values()))
    return _finite({n: (g * w.detach()).abs() for (n, w), g in zip(weights.items(), gradients, strict=True)})


def _finite(found: dict[str, Tensor]) -> dict[str, Tensor]:
    for name, values in found.items():
        if not bool(values.isfinite().all()):
            raise InputError(f"the scores of {name} are not finite: use a freshly initialised network")
    return found


class _Scale(nn.Module):
    """What is left of a norm layer that has no statistics of its own: the scale of each channel."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight = norm.weight

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None]


class Flow:
    """Synaptic flow scores ``|dR/dw * w|`` of a network and its masks (Tanaka et al. 2020, Eq. 2).

    R is the summed output for one image of ones, with all parameters replaced by their absolute values. In float64,
    since products over many layers overflow float32. BatchNorm is in evaluation mode, as published. Instance and group
    norm have no such mode and would cancel the flow, so only their scale is applied. Biases are left out, as in the
    paper's equation (they start at zero in its networks): flow that enters by a bias would let a layer collapse.
    """

    def __init__(self, net: nn.Module, shape: tuple[int, ...]) -> None:
        """Copy a network, which stays as it is; ``shape`` is that of one image, (C, H, W)."""
        self.net = copy.deepcopy(net).cpu().double().eval().requires_grad_()
        for module in list(self.net.modules()):
            for name, child in module.named_children():
                if isinstance(child, nn.GroupNorm):
                    setattr(module, name, _Scale(child))
        with torch.no_grad():
            for name, tensor in self.net.state_dict().items():
                tensor.zero_() if name.rpartition(".")[2] == "bias" else tensor.abs_()
        self.weights = {name: weight.detach().clone() for name, weight in prunable(self.net).items()}
        self.ones = torch.ones(1, *shape, dtype=torch.float64)

    def __call__(self, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Score the weights of a masked network.

        Raises:
            InputError: A network that takes no images of the shape, or scores that are not finite.
        """
        weights = prunable(self.net)
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(self.weights[name] * mask[name])
        try:
            flow = self.net(self.ones).sum()
        except RuntimeError as error:
            shape = "x".join(map(str, self.ones.shape[1:]))
            raise InputError(f"the network does not take images of {shape}: give the shape of one ({error})") from error
        gradients = torch.autograd.grad(flow, list(weights.values()))
        return _finite({n: (g * w.detach()).abs() for (n, w), g in zip(weights.items(), gradients, strict=True)})


def el2n(logits: Tensor, labels: Tensor) -> Tensor:
    """Score images by how far early networks are from their labels (Paul et al. 2021; small is easy).

    Args:
        logits: Outputs of several networks early in training, [networks, N, classes] or [N, classes].
        labels: Labels int64 [N].

    Returns:
        Mean over networks of the L2 norm of ``softmax(logits) - onehot(labels)``, [N], in [0, sqrt(2)].

    Raises:
        InputError: Logits whose shape does not fit the labels, or that are not finite.
    """
    logits = logits if logits.ndim == 3 else logits[None]
    if logits.ndim != 3 or logits.shape[1] != len(labels):
        raise InputError(
            f"logits of shape {tuple(logits.shape)} do not fit {len(labels)} labels: give [networks, images, classes]"
        )
    if not bool(logits.isfinite().all()):
        raise InputError("the logits are not finite: use networks whose training has not diverged")
    error = logits.softmax(-1) - F.one_hot(labels, logits.shape[-1]).to(logits)
    return error.norm(dim=-1).mean(0)


def easiest(ranking: Tensor, labels: Tensor, per_class: int) -> Tensor:
    """Choose the images of lowest score in each class.

    Args:
        ranking: Scores [N].
        labels: Labels int64 [N].
        per_class: How many of each class.

    Returns:
        Indices int64, class by class, lowest score first; of equal scores the first ones.

    Raises:
        InputError: A class that has fewer images, or scores that are NaN or not one for each label.
    """
    if ranking.shape != labels.shape or bool(ranking.isnan().any()):
        raise InputError(f"give one score, no NaN, for each of the {len(labels)} labels")
    chosen = []
    for label in labels.unique():
        members = (labels == label).nonzero().squeeze(1)
        if len(members) < per_class:
            raise InputError(f"class {int(label)} has {len(members)} images: choose at most that many per class")
        chosen.append(members[ranking[members].argsort(stable=True)[:per_class]])
    return torch.cat(chosen)
