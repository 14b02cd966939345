"""What the jobs of a study would be refused for, said by the plan and by the run before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ... import augmentations, catalog, costs
from ...distillation.fitting import suit
from ...errors import InputError
from ...networks import is_own
from ...recipe import Recipe
from ...sparsity import survivors
from ..jobs import (
    Connect,
    Data,
    Distill,
    Evaluate,
    HessianDiagonal,
    Job,
    Landscape,
    MembershipCurvature,
    Network,
    Prune,
    Robustness,
    Source,
    Spectrum,
    Train,
)
from ..jobs.sizes import layers, trial

__all__ = ["examine"]

_EMBEDDING = ("dm", "herding", "kcenter")  # methods that look at what a network's last linear layer receives
_FALLBACK_LIMIT = 20_000  # parameters, as hessian.diagonal has it
_OR_ALL = ("subset", "line_images", "plane_images", "shift_images")


def examine(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Hold missing jobs against their data; one's own data are read, and kept for the jobs where they are decoded.

    Args:
        jobs: Jobs whose results are missing.

    Returns:
        Sentences that say what is left out of one's own data.

    Raises:
        InputError: A job could not be done; for images that cannot be read, all of them are named.
    """
    data: dict[Data, None] = {}
    for job in jobs:
        check = _CHECKS.get(type(job))
        if check is not None:
            data.setdefault(check(job))
    for found in data:
        _check_preparation(found)
    sizes = dict.fromkeys((found.name, found.pixels) for found in data)
    return tuple(dict.fromkeys(note for name, size in sizes for note in catalog.examine(name, size)))


def _check_preparation(data: Data) -> None:
    """Raise :class:`InputError` where a dataset cannot be brought to the form that is asked for."""
    if data.subset:
        _check_draw("subset", data.subset, data.info.train, data)
    values = data.info.channels * data.pixels**2
    if data.zca and values > catalog.WHITENED:
        raise InputError(
            f"ZCA whitening needs the covariance of all {values} values of an image: "
            f"use images of at most {catalog.WHITENED}, such as 3 x 32 x 32"
        )


def _check_draw(name: str, wanted: int, available: int, data: Data) -> None:
    """Raise :class:`InputError` unless so many images can be drawn by class."""
    classes = len(data.info.classes)
    if not classes <= wanted <= available:
        or_all = ", or 0 for all" if name in _OR_ALL else ""
        raise InputError(
            f"{name} must be from {classes} (one a class) to the {available} images there are{or_all}, not {wanted}"
        )


def _check_size(network: Network, data: Data) -> None:
    """Raise :class:`InputError` where no such network can be built for such images."""
    if is_own(network.model):
        trial(network, data)
        return
    costs.check_size(network.model, data.pixels, network.norm, network.depth or None)


def _needs_company(network: Network, data: Data) -> bool:
    """Tell whether a network cannot be trained on a single image."""
    if is_own(network.model):
        return not trial(network, data).alone
    return costs.needs_company(network.model, data.pixels, network.norm)


def _check_training(network: Network, recipe: Recipe, source: Source) -> Data:
    """Raise :class:`InputError` where a network cannot be trained on a source by a recipe."""
    data = source.data if isinstance(source, Distill) else source
    _check_size(network, data)
    augmentations.check(recipe.augmentation, data.pixels, data.info.channels, data.zca)
    batch, images = recipe.smallest_batch(source.images), source.images
    if batch == 1 and _needs_company(network, data):
        raise InputError(
            f"{images} images in batches of {recipe.batch_size} leave a batch of one, which has no variance for the "
            f"BatchNorm of {network.model} at {data.pixels} px: choose another batch_size or number of images, "
            "or an image_size of at least 16"
        )
    return data


def _check_train(job: Train) -> Data:
    """Check a training."""
    return _check_training(job.network, job.recipe, job.source)


def _check_evaluate(job: Evaluate) -> Data:
    """Check trainings on a set."""
    for reference in job.references:
        _check_training(reference.network, job.recipe, job.source)
    return job.source.data


def _check_prune(job: Prune) -> Data:
    """Check that there are weights enough for a level."""
    _check_size(job.network, job.data)
    survivors(prunable(job.network, job.data), job.level, job.fraction)
    return job.data


def prunable(network: Network, data: Data) -> int:
    """Count the weights that pruning may remove."""
    if is_own(network.model):
        return trial(network, data).prunable
    return sum(weights for weights, _ in layers(network, data))


def _check_distill(job: Distill) -> Data:
    """Check that a dataset has the images a set is made from, or that a published set is one of them."""
    info, size = job.data.info, job.data.pixels
    if job.method == "published":
        from ...distillation import published

        home = published.Home(job.data.name, len(info.classes), (info.channels, size, size), job.data.zca)
        published.examine(job.path, home, job.ipc, max(1, job.factor))
        return job.data
    counts = info.per_class(job.data.subset)
    if job.settings is not None:
        network = Network(job.model, job.width)
        _check_size(network, job.data)
        company = _needs_company(network, job.data)
        suit(replace(job.settings, model=job.model), job.data.name, (size, size), counts, info.classes, company)
        _check_travel(job)
        if job.method in _EMBEDDING and is_own(job.model) and not trial(network, job.data).linear:
            raise InputError(
                f"{job.method} cuts off the last linear layer of a network, and {job.model} has none: set distiller or "
                "distill_model to another"
            )
    elif job.ipc > min(counts):
        raise InputError(f"ipc {job.ipc} is more than the {min(counts)} training images of a class: choose fewer")
    return job.data


def _check_travel(job: Distill) -> None:
    """Raise :class:`InputError` where the students of trajectory matching would overshoot their experts.

    On few images an expert takes few steps an epoch. A student, which takes all of its own to match a few epochs, is
    then far beyond the mark at once, and the learned step size never recovers.
    """
    s, images = job.settings, job.data.images
    if s is None or s.method != "mtt":
        return
    steps = s.span * -(-images // s.expert_batch)
    if steps < s.student_steps:
        most = images * s.span // s.student_steps
        raise InputError(
            f"on {images} images an expert of mtt takes {steps} steps in the {s.span} epochs that a student has "
            f"{s.student_steps} steps to match, which diverges: set distill_batch_size to at most {max(1, most)}"
        )


def _check_connect(job: Connect) -> Data:
    """Check the images of a line."""
    data = job.a.data
    if job.images:
        _check_draw("line_images", job.images, data.images if job.split == "train" else data.info.test, data)
    return data


def _check_landscape(job: Landscape) -> Data:
    """Check the images of a plane."""
    data = job.a.data
    if job.images:
        _check_draw("plane_images", job.images, data.images, data)
    return data


def _check_spectrum(job: Spectrum | HessianDiagonal | MembershipCurvature) -> Data:
    """Check the batch of a Hessian; of fewer images than it asks for it takes all."""
    data = job.trained.data
    _check_size(job.trained.network, data)
    _check_draw("hessian_images", min(job.images, data.images), data.images, data)
    return data


def _check_diagonal(job: HessianDiagonal | MembershipCurvature) -> Data:
    """Check that the exact diagonal of a network can be had: by the fast methods, or because it is small."""
    network, data, mask = job.trained.network, job.trained.data, job.trained.mask
    if is_own(network.model):
        found = trial(network, data)
        kept = isinstance(job, HessianDiagonal) and mask is not None
        gone = found.prunable - survivors(found.prunable, mask.level, mask.fraction) if kept and mask is not None else 0
        entries = found.entries - gone
        if found.uncovered and entries > _FALLBACK_LIMIT:
            raise InputError(
                f"no fast exact curvature covers {found.uncovered} of {network.model}, and its {entries:,} parameters "
                f"are more than the {_FALLBACK_LIMIT:,} for which a double backward each is done: replace it, choose "
                "a smaller width, or leave the pages with curvature out"
            )
    return _check_spectrum(job)


def _check_robustness(job: Robustness) -> Data:
    """Check the images that are shifted."""
    data = job.trained.data
    if job.images:
        _check_draw("shift_images", job.images, data.info.test, data)
    return data


_CHECKS: dict[type[Job], Callable[[Any], Data]] = {
    Train: _check_train,
    Evaluate: _check_evaluate,
    Prune: _check_prune,
    Distill: _check_distill,
    Connect: _check_connect,
    Landscape: _check_landscape,
    HessianDiagonal: _check_diagonal,
    MembershipCurvature: _check_diagonal,
    Spectrum: _check_spectrum,
    Robustness: _check_robustness,
}
