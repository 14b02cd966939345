"""Training steps against the loop one writes at first, and against PyTorch's own pruning with resident data.

The plain loop has masks by ``torch.nn.utils.prune``, crops and flips one PIL image at a time in two worker processes,
and PyTorch's default SGD. The loop with resident data has the same masks and SGD and gets its batches from the
library's augmentation. Where time is that of the processor, the loader's workers are left out, which favours the
plain loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from distilled_pruning import models, pruning, training
from distilled_pruning.augmentation import compose
from distilled_pruning.data import Split
from distilled_pruning.models import costs
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset as Samples, RandomSampler

from .rounds import Comparison, Run, can_compile, products, random_images, take_turns

__all__ = ["steps"]

SIZE, BATCH, IMAGES = 32, 64, 2048
AUGMENTATION = "crop4+flip"
PLAIN, RESIDENT = "prune hooks, loader", "prune hooks, resident data"
WIDTHS = (16, 32, 128)


class Pictures(Samples[tuple[Tensor, int]]):
    """A split a sample at a time, as torchvision's CIFAR-10 with the usual transforms."""

    def __init__(self, split: Split) -> None:
        """Hold arrays [H, W, C] on the CPU."""
        from torchvision import transforms

        self.images, self.labels = split.images.permute(0, 2, 3, 1).cpu().numpy(), split.labels.tolist()
        self.transform: Callable[[object], Tensor] = transforms.Compose(
            [
                transforms.RandomCrop(SIZE, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(split.mean, split.std),
            ]
        )

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give a transformed sample."""
        from PIL import Image

        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def loaded(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Give batches from a loader of two workers, as good as forever."""
    pictures = Pictures(split)
    sampler = RandomSampler(pictures, replacement=True, num_samples=10**7)
    return iter(DataLoader(pictures, batch_size=BATCH, sampler=sampler, num_workers=2))


def resident(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Give batches of resident data through the library's augmentation."""
    pipeline, draw = compose.pipeline(AUGMENTATION, split), torch.Generator().manual_seed(0)
    while True:
        for chosen in torch.randperm(len(split), generator=draw).to(split.labels.device).split(BATCH):
            yield pipeline(split.images[chosen], split.labels[chosen], draw)


def by_hand(net: nn.Module, mask: pruning.Mask, batches: Iterator[tuple[Tensor, Tensor]]) -> Run:
    """Prune a network by hooks and return what trains it."""
    for name, module in net.named_modules():
        if f"{name}.weight" in mask:
            prune.custom_from_mask(module, "weight", mask[f"{name}.weight"])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    criterion, device = nn.CrossEntropyLoss(), next(net.parameters()).device

    def run(steps: int) -> None:
        net.train()
        for _ in range(steps):
            images, labels = (part.to(device, non_blocking=True) for part in next(batches))
            optimiser.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimiser.step()

    return run


def ours(net: nn.Module, mask: pruning.Mask, split: Split, precision: str, compile: bool) -> Run:
    """Return what trains a network with the library."""
    device = next(net.parameters()).device

    def run(steps: int) -> None:
        recipe = training.Recipe(
            batch_size=BATCH, steps=steps, augmentation=AUGMENTATION, precision=precision, compile=compile
        )
        training.train(net, split, recipe, mask, device=device)

    return run


def steps(device: torch.device, rounds: int, widths: Sequence[int] = WIDTHS) -> Iterator[Comparison]:
    """Time steps of ConvNet-3 under a mask of 20 %, on 64 random images of 32 px.

    Args:
        device: Where to train.
        rounds: Rounds.
        widths: Widths of the network.

    Yields:
        A comparison a width.
    """
    split = Split(*random_images(IMAGES, device), (0.5,) * 3, (0.25,) * 3, 10)
    batches = {PLAIN: loaded(split), RESIDENT: resident(split)}
    variants = {"fp32": ("fp32", False), "bf16": ("bf16", False)}
    if can_compile(device):
        variants |= {"fp32, compiled": ("fp32", True), "bf16, compiled": ("bf16", True)}
    for width in widths:
        torch.compiler.reset()  # it compiles for so many shapes only, then goes on uncompiled

        def network(width: int = width) -> nn.Module:
            return models.build("convnet3", width=width, size=SIZE, channels=3, classes=10, seed=0).to(device)

        mask = pruning.magnitude(network(), fraction=0.2)
        runs, macs = products(device, "fp32", "bf16")
        runs |= {name: by_hand(network(), mask, found) for name, found in batches.items()}
        runs |= {name: ours(network(), mask, split, *variant) for name, variant in variants.items()}
        work = 3.0 * BATCH * costs.forward_macs("convnet3", width, SIZE, 3, 10)
        yield Comparison(
            "training",
            f"ConvNet-3 of width {width}",
            tuple(variants),
            tuple(batches),
            take_turns(runs, rounds, device),
            macs | dict.fromkeys((*batches, *variants), work),
            images=BATCH,
        )
