"""The Gauss-Newton diagonal of softmax cross-entropy: squared derivatives of the logits, image by image."""

from __future__ import annotations

from torch import Tensor

from .graph import Step
from .tape import Tape, normalise, patches


def accumulate(tape: Tape, diag: dict[str, Tensor], total: int) -> None:
    r"""Add the Gauss-Newton diagonal of the tape's images to ``diag``.

    With p the softmax, the curvature of the loss in the logits, diag(p) - pp', is the sum over the classes k of
    b_k b_k', b_k = sqrt(p_k) (e_k - p). One backward pass a class gives b_k' J for every image, whose squares add up.

    Args:
        tape: A recorded chunk of images.
        diag: Sums by parameter name, added to in place.
        total: Images the mean loss is taken over.
    """
    steps = [step for step in tape.graph.parametrised() if any(_names(step, diag))]
    outputs = [tape.values[step.index] for step in steps]
    inputs = {step.index: _inputs(tape, step) for step in steps}
    squares: dict[int, Tensor] = {}
    p = tape.logits.detach().softmax(1)
    for k in range(p.shape[1]):
        factor = -p
        factor[:, k] += 1
        factor *= (p[:, k : k + 1] / total).sqrt()
        gradients = tape.pull(factor, outputs, retain_graph=True)
        for step, gradient in zip(steps, gradients, strict=True):
            if step.kind == "linear":
                squares[step.index] = squares.get(step.index, 0) + gradient.square()
            else:
                _add(step, diag, inputs[step.index], gradient)
    for index, square in squares.items():
        step = tape.graph.steps[index]
        weight, bias = _names(step, diag)
        if weight:
            diag[weight] += square.T @ inputs[index].square()
        if bias:
            diag[bias] += square.sum(0)


def _names(step: Step, diag: dict[str, Tensor]) -> tuple[str | None, str | None]:
    weight, bias = f"{step.name}.weight", f"{step.name}.bias"
    return weight if weight in diag else None, bias if bias in diag else None


def _inputs(tape: Tape, step: Step) -> Tensor:
    """Return what the step's weights are multiplied with."""
    x = tape.source(step)
    if step.kind == "conv":
        return patches(step.module, x)
    return x if step.kind == "linear" else normalise(tape, step)


def _add(step: Step, diag: dict[str, Tensor], seen: Tensor, gradient: Tensor) -> None:
    """Add the squared per-image derivatives with respect to the parameters of a conv, norm or scale step."""
    weight, bias = _names(step, diag)
    if step.kind == "conv":
        split = gradient.flatten(2).view(len(gradient), seen.shape[1], -1, seen.shape[-1])
        if weight:
            derivative = split @ seen.transpose(2, 3)
            diag[weight] += derivative.square_().sum(0).view_as(diag[weight])
    elif weight:
        derivative = (gradient * seen).flatten(2).sum(2) if gradient.dim() > 2 else gradient * seen
        diag[weight] += derivative.square_().sum(0)
    if bias:
        derivative = gradient.flatten(2).sum(2) if gradient.dim() > 2 else gradient.clone()
        diag[bias] += derivative.square_().sum(0)
