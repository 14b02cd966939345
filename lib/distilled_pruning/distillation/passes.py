"""How much work a distillation is, counted in forward passes of one image; no torch in here.

A forward pass counts 1, training on an image 3. Matching features takes a pass of each real image and two of each
synthetic one, for its gradient; matching gradients 3 and 8, since that of the synthetic images is differentiated once
more; an image in an unrolled training step takes 9. First layers need no gradient by their input, so the counts are a
few per cent too high.
"""

from __future__ import annotations

from .methods import CORESETS
from .settings import Settings

__all__ = ["before", "calls_before", "calls_per_loop", "per_loop"]

_TRAIN = 3
_FEATURES, GRADIENTS, UNROLLED = (1, 2), (3, 8), 9
# The same in calls, each of which costs a fixed time however few its images are: a step of training counts 1.
_MATCHED_FEATURES, MATCHED_GRADIENTS, UNROLLED_STEP = 1, 3, 4


def per_loop(settings: Settings, classes: int, images: int) -> int:
    """Count the passes of one outer iteration."""
    s = settings
    decoded = classes * s.ipc * s.factor**2
    if s.method == "mtt":
        batch = s.student_batch or decoded
        epochs, rest = divmod(s.student_steps, -(-decoded // batch))
        return UNROLLED * (epochs * decoded + (rest and (decoded - 1) % batch + 1 + (rest - 1) * batch))
    of_real, of_synthetic = _FEATURES if s.method == "dm" else GRADIENTS
    real = classes * min(s.real_batch, images // classes)
    synthetic = classes * min(s.ipc * s.factor**2, s.decoded_batch)
    if s.train_on == "synthetic":
        epochs, rest = divmod((s.inner - 1) * s.train_steps, -(-decoded // s.train_batch))
        between = epochs * decoded + rest * min(s.train_batch, decoded)
    else:
        between = (s.inner - 1) * s.train_steps * min(s.train_batch, images)
    return s.inner * (of_real * real + of_synthetic * synthetic) + _TRAIN * (between + s.pretrain * images)


def before(settings: Settings, images: int) -> int:
    """Count the passes before the first iteration: the experts of trajectory matching, the network of a coreset."""
    if settings.method == "mtt":
        return _TRAIN * settings.expert_count * settings.expert_epochs * images
    if settings.method in CORESETS and settings.method != "random":
        return (_TRAIN * settings.pretrain + 1) * images
    return 0


def calls_per_loop(settings: Settings, classes: int, images: int) -> int:
    """Count the calls of one outer iteration, one after the other, in training steps; arguments as :func:`per_loop`."""
    s = settings
    if s.method == "mtt":
        return UNROLLED_STEP * s.student_steps
    matching = classes * (_MATCHED_FEATURES if s.method == "dm" else MATCHED_GRADIENTS)
    return s.inner * matching + (s.inner - 1) * s.train_steps + s.pretrain * -(-images // s.train_batch)


def calls_before(settings: Settings, images: int) -> int:
    """Count the calls before the first iteration, in training steps; arguments as :func:`before`."""
    s = settings
    if s.method == "mtt":
        return s.expert_count * s.expert_epochs * -(-images // s.expert_batch)
    return s.pretrain * -(-images // s.train_batch) if s.method in CORESETS else 0
