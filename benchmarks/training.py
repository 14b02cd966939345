"""Time training against a loop with prune hooks, torchvision transforms and a data loader, in one run.

    python benchmarks/training.py [--width 128] [--images 512] [--rounds 3] [--threads 2] [--json]

The plain loop is what one writes at first: masks by ``torch.nn.utils.prune``, crop and flip a sample at a time on PIL
images in two worker processes, PyTorch's default SGD. Everybody trains the same ConvNet-3 under the same mask on
CIFAR-10, or on random images of its shape where it is not there. Rounds alternate, and a ratio is taken within each
round; the loader runs on between the plain loop's turns, which favours it. Processor time, which neighbours on the
machine disturb less, leaves out the loader's workers, which favours the plain loop too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator

import torch
from distilled_pruning import data, models, pruning, training
from distilled_pruning.errors import InputError
from torch import Tensor, nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as Samples

BATCH = 64
MOMENTS = ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def images_of(random: int) -> tuple[str, data.Split]:
    """Give CIFAR-10's training images, or so many random ones, and say which."""
    try:
        return "CIFAR-10", data.load("cifar10").train
    except InputError:
        draw = torch.Generator().manual_seed(0)
        images = torch.randint(0, 256, (random, 3, 32, 32), generator=draw, dtype=torch.uint8)
        return "random images", data.Split(images, torch.randint(0, 10, (random,), generator=draw), *MOMENTS, 10)


class Pictures(Samples[tuple[Tensor, int]]):
    """A split a sample at a time, as torchvision's CIFAR-10 with the usual transforms."""

    def __init__(self, split: data.Split, count: int) -> None:
        """Hold arrays [H, W, C]; ``count`` samples make a pass, and images are reused as needed."""
        from torchvision import transforms

        self.images, self.labels, self.count = split.images.permute(0, 2, 3, 1).numpy(), split.labels.tolist(), count
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(split.mean, split.std),
            ]
        )

    def __len__(self) -> int:
        """Count the samples of a pass."""
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give a transformed sample."""
        from PIL import Image

        index %= len(self.labels)
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def plain(net: nn.Module, mask: pruning.Mask, batches: Iterator[tuple[Tensor, Tensor]]) -> Callable[[int], None]:
    """Prune a network by hooks and return a function that trains it so many steps."""
    for name, module in net.named_modules():
        if f"{name}.weight" in mask:
            prune.custom_from_mask(module, "weight", mask[f"{name}.weight"])
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss()

    def run(steps: int) -> None:
        for _ in range(steps):
            images, labels = next(batches)
            optimiser.zero_grad()
            loss = criterion(net(images), labels)
            loss.backward()
            optimiser.step()

    return run


def ours(net: nn.Module, mask: pruning.Mask, split: data.Split, **options: object) -> Callable[[int], None]:
    """Return a function that trains a network so many steps with the library."""

    def run(steps: int) -> None:
        recipe = training.Recipe(batch_size=BATCH, steps=steps, augmentation="crop4+flip", **options)
        training.train(net, split, recipe, mask, device="cpu")

    return run


def main() -> None:
    """Print a Markdown table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--images", type=int, default=512, help="images a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    source, split = images_of(50_000)
    steps = -(-given.images // BATCH)

    def network() -> nn.Module:
        return models.build("convnet3", width=given.width, size=32, channels=3, classes=10)

    mask = pruning.magnitude(network(), fraction=0.2)
    variants = {"fp32": {}, "bf16": {"precision": "bf16"}}
    if shutil.which("gcc") or shutil.which("clang"):
        variants |= {
            "fp32, compiled": {"compile": True},
            "bf16, compiled": {"precision": "bf16", "compile": True},
        }
    needed = ((given.rounds + 1) * steps + 8) * BATCH
    loader = DataLoader(Pictures(split, needed), batch_size=BATCH, shuffle=True, num_workers=2)
    runs = {"prune hooks, loader": plain(network(), mask, iter(loader))}
    runs |= {name: ours(network(), mask, split, **options) for name, options in variants.items()}
    for run in runs.values():
        run(3)
    rounds = []
    for _ in range(given.rounds):
        seconds: dict[str, tuple[float, float]] = {}
        for name, run in runs.items():
            start, clock = time.perf_counter(), time.process_time()
            run(steps)
            seconds[name] = (time.perf_counter() - start, time.process_time() - clock)
        rounds.append(seconds)
    first = next(iter(runs))
    rows = {name: {"images a second": steps * BATCH / min(turn[name][0] for turn in rounds)} for name in runs}
    for kind, clock in enumerate(("wall", "processor")):
        for name, row in rows.items():
            ratios = [turn[first][kind] / turn[name][kind] for turn in rounds]
            row |= {f"least ratio, {clock}": min(ratios), f"greatest ratio, {clock}": max(ratios)}
    about = {"torch": torch.__version__, "width": given.width, "threads": given.threads, "images": source}
    if given.json:
        print(json.dumps(about | {"rounds": given.rounds, "batch": BATCH, "variants": rows}))
        return
    print(f"torch {torch.__version__}, width {given.width}, {given.threads} thread(s), batches of {BATCH}, {source}\n")
    print("| variant | images a second | plain loop / variant, wall | the same, processor |\n|---|---|---|---|")
    for name, row in rows.items():
        rate, *ratios = row.values()
        wall, processor = (f"{ratios[i]:.2f}x to {ratios[i + 1]:.2f}x" for i in (0, 2))
        print(f"| {name} | {rate:,.0f} | {wall} | {processor} |")


if __name__ == "__main__":
    main()
