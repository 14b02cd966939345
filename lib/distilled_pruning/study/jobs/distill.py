"""Small training sets: distilled from a dataset, chosen of it, or read from a published file."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ...distillation import defaults, files, passes
from ...distillation.fitting import suit
from ...distillation.methods import CORESETS, DISTILLERS
from ...distillation.settings import Settings
from ...errors import InputError, unknown
from ...models.networks import is_own
from .base import Context, Data, Job, Network, Result, Training, check_unchanged
from .limits import check_size, macs, needs_company, trial, widened

if TYPE_CHECKING:
    from ...distillation import Synthetic

_EMBEDDED = "digits"  # comes with scikit-learn and may be passed on
_MADE = ("images", "labels")
_EMBEDDING = ("dm", "herding", "kcenter")  # methods that look at what a network's last linear layer receives


@dataclass(frozen=True)
class Distill(Job):
    """A small training set made from a dataset: distilled, or chosen from it.

    Attributes:
        data: The dataset.
        method: A name of ``distillation.methods.DISTILLERS``, ``"easy"`` (small EL2N score) or ``"published"``.
        ipc: Stored images per class.
        factor: Multi-formation factor, 0 for the published default.
        iterations: Outer iterations, 0 for the published default.
        model: Architecture the set is made for.
        width: Its width.
        seed: Seed of everything random.
        path: File of a published set.
        shuffle_labels: Permute the labels (a control).
        real_batch: Real images per class and matching step, of ``"mtt"`` per step of an expert; 0 for the published
            number.
        compile: Whether the networks are compiled and real features are in bf16 (``"dm"``).
        scorers: Early networks whose mean EL2N score chooses the ``"easy"`` images.
        image_rate: Learning rate of the images, 0 for the published one.
    """

    kind: ClassVar[str] = "distill"
    data: Data
    method: str
    ipc: int
    factor: int = 0
    iterations: int = 0
    model: str = "convnet3"
    width: int = 128
    seed: int = 0
    path: str = ""
    shuffle_labels: bool = False
    real_batch: int = 0
    compile: bool = False
    scorers: tuple[Training, ...] = ()
    image_rate: float = 0.0

    def spec(self) -> dict[str, Any]:
        """Describe the job; files, published ones and those of methods from outside, are named by their digests."""
        spec = super().spec()
        if self.method in DISTILLERS and DISTILLERS[self.method].code:
            spec["fields"]["code"] = DISTILLERS[self.method].code
        if self.path:
            spec["fields"]["path"] = {"digest": files.digest(self.path)}
        return spec

    @property
    def revision(self) -> int:
        """One where a recipe that differed from the published one was mended (:func:`defaults.was_mended`)."""
        if self.settings is None:
            return 0
        mended = defaults.was_mended(self.settings, self.data.called, self.data.pixels, len(self.data.info.classes))
        return int(mended or (self.method != "random" and widened(self.model, self.data)))

    @functools.cached_property
    def parents(self) -> tuple[Job, ...]:
        """The early networks that choose images; of a set with permuted labels, the set itself."""
        return (self.labelled,) if self.shuffle_labels else self.scorers

    @property
    def labelled(self) -> Distill:
        """The same set with its labels in place."""
        return replace(self, shuffle_labels=False)

    @property
    def borrowed(self) -> bool:
        """Whether the images were chosen or read rather than made, so that they are somebody else's."""
        return self.method in (*CORESETS, "easy", "published")

    def lent(self, array: str) -> bool:
        """Whether an array holds somebody else's images: snapshots begin with the real ones that were distilled."""
        return self.borrowed or (self.data.name != _EMBEDDED and array not in _MADE)

    @functools.cached_property
    def settings(self) -> Settings | None:
        """The resolved loops of a distilled or chosen set; ``None`` for one that is only read."""
        if self.method not in DISTILLERS:
            return None
        classes = len(self.data.info.classes)
        return defaults.resolve(self.method, self.data.called, self.ipc, self.data.pixels, classes, self.options)

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen of the settings, ``None`` for what was published."""
        batch = "expert_batch" if self.method == "mtt" else "real_batch"
        return {
            "factor": self.factor or None,
            "iterations": self.iterations or None,
            "image_rate": self.image_rate or None,
            batch: self.real_batch or None,
        }

    @property
    def images(self) -> int:
        """Number of images after decoding."""
        factor = self.settings.factor if self.settings is not None else max(1, self.factor)
        return len(self.data.info.classes) * self.ipc * factor**2

    @property
    def cost(self) -> float:
        """Work in multiply-accumulates: all iterations, and the networks that are trained before them."""
        s = self.settings
        if s is None or self.shuffle_labels:
            return 1e6
        before = float(passes.before(s, self.data.images)) * macs(Network(self.model, self.width), self.data)
        return max(1e6, before + s.iterations * self.loop_cost)

    @property
    def calls(self) -> float:
        """Calls of a network, in training steps: all iterations, and the trainings before them."""
        s = self.settings
        if s is None or self.shuffle_labels:
            return 0
        loop = passes.calls_per_loop(s, len(self.data.info.classes), self.data.images)
        return passes.calls_before(s, self.data.images) + s.iterations * loop

    @property
    def loop_cost(self) -> float:
        """Work of one outer iteration in multiply-accumulates; 0 where there is none."""
        s = self.settings
        if s is None or not s.iterations:
            return 0.0
        found = passes.per_loop(s, len(self.data.info.classes), self.data.images)
        return float(found) * macs(Network(self.model, self.width), self.data)

    def check(self) -> Data:
        """Refuse a set that the dataset has not the images for, and a published one that is none of it."""
        if self.method not in (*DISTILLERS, *DISTILLERS.reserved):
            raise unknown("distiller", self.method, DISTILLERS)
        info, size = self.data.info, self.data.pixels
        counts = info.per_class(self.data.subset)
        if self.method == "published":
            from ...distillation import published

            shape = info.channels, size, size
            home = published.Home(self.data.name, len(info.classes), shape, self.data.zca, info.classes)
            published.examine(self.path, home, self.ipc, max(1, self.factor))
        elif self.settings is None:
            if self.ipc > min(counts):
                raise InputError(
                    f"ipc {self.ipc} is more than the {min(counts)} training images of a class: choose fewer"
                )
        else:
            network = Network(self.model, self.width)
            check_size(network, self.data)
            company = needs_company(network, self.data)
            suit(replace(self.settings, model=self.model), self.data.name, (size, size), counts, info.classes, company)
            _check_travel(self.settings, self.data.images)
            if self.method in _EMBEDDING and is_own(self.model) and not trial(network, self.data).linear:
                raise InputError(
                    f"{self.method} cuts off the last linear layer of a network, and {self.model} has none: set "
                    "distiller or distill_model to another"
                )
        return self.data

    def perform(self, context: Context) -> Result:
        """Make the set, or read it; continues at the last outer iteration."""
        from ... import distillation
        from .inputs import Checkpoints, load_data

        check_unchanged(self)
        checkpoints = Checkpoints(context)
        ds = load_data(self.data)
        if self.shuffle_labels:
            syn = self._permute_labels(context)
        elif self.method == "published":
            syn = distillation.published.load(self.path, ds=ds, factor=max(1, self.factor))
            distillation.published.check_count(syn.ipc, self.ipc)
        elif self.method == "easy":
            syn = self._choose_easy(context)
        else:
            syn = distillation.distill(
                ds,
                method=self.method,
                ipc=self.ipc,
                seed=self.seed,
                model=self.model,
                width=self.width,
                **self.options,
                compile=self.compile,
                device=context.device,
                state=checkpoints.read(),
                save=lambda state: checkpoints(lambda: state),
                progress=context.progress,
            )
        meta, stored = syn.pack()
        return Result({"set": meta, "images": len(syn.decode())}, stored)

    def _permute_labels(self, context: Context) -> Synthetic:
        """Permute the labels of a set that was made before."""
        import torch

        from ...training.loop import make_generator
        from .inputs import read_set

        syn = read_set(self.labelled, context)
        order = torch.randperm(len(syn.labels), generator=make_generator("labels", self.seed))
        return replace(syn, labels=syn.labels[order])

    def _choose_easy(self, context: Context) -> Synthetic:
        """Choose the training images that early networks get least wrong (small EL2N, Paul et al. 2022)."""
        import torch

        from ... import distillation, pruning, training
        from .inputs import build_network, load_data, to_tensors

        ds, outputs = load_data(self.data), []
        for scorer in self.scorers:
            net = build_network(scorer.network, ds)
            net.load_state_dict(to_tensors(context.load(scorer).arrays))
            outputs.append(training.logits(net, ds.train, device=context.device))
        scores = pruning.el2n(torch.stack(outputs), ds.train.labels)
        easy = ds.train.take(pruning.easiest(scores, ds.train.labels, self.ipc))
        return distillation.Synthetic(
            images=easy.images.float() / 255,
            labels=easy.labels,
            factor=1,
            method=self.method,
            mean=easy.mean,
            std=easy.std,
            classes=easy.classes,
        )

    @property
    def title(self) -> str:
        """A few words for a progress line."""
        return f"distil {self.data.name} {self.method} ipc {self.ipc} seed {self.seed}"


def _check_travel(s: Settings, images: int) -> None:
    """Raise :class:`InputError` where the students of trajectory matching would overshoot their experts.

    On few images an expert takes few steps an epoch. A student, which takes all of its own to match a few epochs, is
    then far beyond the mark at once, and the learned step size never recovers.
    """
    steps = s.span * -(-images // s.expert_batch)
    if s.method == "mtt" and steps < s.student_steps:
        most = images * s.span // s.student_steps
        raise InputError(
            f"on {images} images an expert of mtt takes {steps} steps in the {s.span} epochs that a student has "
            f"{s.student_steps} steps to match, which diverges: set distill_batch_size to at most {max(1, most)}"
        )


Source = Data | Distill
