"""Run the authors' own code beside ours, with equal weights and batches, and print how far apart the two are.

    python benchmarks/authors.py --dc FOLDER --mtt FOLDER --idc FOLDER --papers FOLDER

The folders hold checkouts of VICO-UoE/DatasetCondensation (DC, DSA, DM), GeorgeCazenavette/mtt-distillation,
snu-mllab/Efficient-Dataset-Condensation and luke-mcdermott-mi/SyntheticDataForIMP. What needs a folder that is not
given is left out, and said so. Nothing of that code is kept here. It is read function by function, or a passage of a
function at a time, and runs as it stands on the CPU: whole modules ask for a GPU and for packages at import.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import io
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from distilled_pruning import connectivity, data, hessian, models, pruning, training
from distilled_pruning.distillation import distribution, gradient, synthetic, trajectory
from distilled_pruning.distillation.problem import embedding
from distilled_pruning.training import loop
from excerpts import Row, compare, definitions, in_order, noise, on_cpu, passage, share_weights
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import prune

CLASSES = 10
LOOP = ("loss = torch.tensor(0.0)", "for c in range(num_classes)")


def their_convnet(folder: Path, channels: int = 3, size: int = 32, width: int = 128) -> nn.Module:
    """Build ConvNet-3 of DC's or MTT's code."""
    made: nn.Module = definitions(folder / "networks.py").ConvNet(
        channels, CLASSES, width, 3, "relu", "instancenorm", "avgpooling", (size, size)
    )
    return made


def our_convnet(theirs: nn.Module, channels: int = 3, size: int = 32, width: int = 128) -> nn.Module:
    """Build ConvNet-3 here, with the weights of theirs."""
    net = models.build("convnet3", width=width, size=size, channels=channels, classes=CLASSES)
    share_weights(net, theirs)
    return net


def outputs(what: str, ours: nn.Module, theirs: nn.Module, size: int, channels: int = 3, images: int = 4) -> Row:
    """Compare the outputs of two networks in evaluation mode, after giving ours the weights of theirs."""
    share_weights(ours, theirs)
    batch = noise(images, channels, size, size)
    with torch.no_grad():
        return compare(f"outputs of {what}", [ours.eval()(batch)], [theirs.eval()(batch)])


def networks_of_dc(folder: Path) -> Iterator[Row]:
    """Compare the networks that DC's and MTT's code share."""
    theirs = definitions(folder / "networks.py")
    for size, channels in ((32, 3), (28, 1)):
        convnet = their_convnet(folder, channels, size)
        what = f"{channels} x {size} px"
        yield outputs(f"ConvNet-3, {what}", our_convnet(convnet, channels, size), convnet, size, channels)
        ours = models.build("alexnet", size=size, channels=channels, classes=CLASSES)
        yield outputs(f"AlexNet, {what}", ours, theirs.AlexNet(channels, CLASSES), size, channels)


def networks_of_idc(folder: Path) -> Iterator[Row]:
    """Compare IDC's networks, which are the second paper's."""
    files = [folder / "models" / f"{name}.py" for name in ("convnet", "resnet", "resnet_ap")]
    convnets, plain, pooled = map(definitions, files)
    for size, channels in ((32, 3), (28, 1)):
        convnet = convnets.ConvNet(CLASSES, "instance", 3, 128, channels, im_size=(size, size))
        ours = models.build("convnet3", size=size, channels=channels, classes=CLASSES)
        yield outputs(f"ConvNet-3, {channels} x {size} px", ours, convnet, size, channels)
    for dataset, size, name, depth in (
        ("cifar10", 32, "resnet10", 10),
        ("cifar10", 32, "resnet18", 18),
        ("svhn", 32, "resnet10", 10),
        ("imagenet", 224, "resnet10", 10),
        ("imagenet", 224, "resnet18", 18),
        ("imagenet", 224, "resnetap10", 10),
    ):
        like = SimpleNamespace(name=dataset, size=size, channels=3, classes=CLASSES)
        of = pooled.ResNetAP if name == "resnetap10" else plain.ResNet
        norm = "instance" if name == "resnetap10" else "batch"
        theirs = of(dataset, depth, CLASSES, norm_type=norm, size=size)
        yield outputs(f"{name}, {dataset}, {size} px", models.build(name, like), theirs, size, images=1)


def matching_of_dc(folder: Path) -> Iterator[Row]:
    """Compare loss and image gradients of DC (and DSA before its augmentation) and DM."""
    tools = definitions(folder / "utils.py", "distance_wb", "match_loss")
    theirs = their_convnet(folder)
    ours = our_convnet(theirs)
    real, ipc = noise(CLASSES, 8, 3, 32, 32), 2
    images = noise(CLASSES * ipc, 3, 32, 32, seed=1).requires_grad_()
    args = SimpleNamespace(device="cpu", ipc=ipc, batch_real=8, dsa=False, dis_metric="ours", model="ConvNet")
    given = {
        "args": args, "num_classes": CLASSES, "channel": 3, "im_size": (32, 32), "image_syn": images, "net": theirs,
        "get_images": lambda c, n: real[c], "criterion": nn.CrossEntropyLoss(), "match_loss": tools.match_loss,
        "net_parameters": list(theirs.parameters()), "embed": theirs.embed,
    }  # fmt: skip
    weights = list(gradient.find_matched(ours, "cosine").values())
    found = [
        gradient.distance(
            gradient.gradients(ours, weights, real[c], c),
            gradient.gradients(ours, weights, images[c * ipc : (c + 1) * ipc], c, differentiable=True),
            "cosine",
        )
        for c in range(CLASSES)
    ]
    wanted = passage(folder / "main.py", *LOOP, **given)["loss"]
    yield from both("DC", torch.stack(found).sum(), wanted, images)
    features = embedding(copy.deepcopy(ours))
    loss = distribution.distance(
        features(real.flatten(0, 1)).view(CLASSES, 8, -1), features(images).view(CLASSES, ipc, -1)
    )
    wanted = passage(folder / "main_DM.py", *LOOP, **given)["loss"]
    yield from both("DM", loss, wanted, images)


def both(what: str, ours: Tensor, theirs: Tensor, *leaves: Tensor) -> Iterator[Row]:
    """Compare two losses and their gradients."""
    yield compare(f"{what}: loss", [ours], [theirs])
    names = ("image gradient", "gradient of the step size")
    slopes = (torch.autograd.grad(loss, leaves) for loss in (ours, theirs))
    for name, a, b in zip(names, *slopes, strict=False):
        yield compare(f"{what}: {name}", [a], [b])


def matching_of_idc(folder: Path) -> Iterator[Row]:
    """Compare decoding, loss and image gradients of IDC."""
    tools = definitions(folder / "condense.py", "Synthesizer", "dist", "add_loss", "matchloss")
    theirs = definitions(folder / "models" / "convnet.py").ConvNet(CLASSES)
    ours = models.build("convnet3", size=32, channels=3, classes=CLASSES)
    share_weights(ours, theirs)
    made = tools.Synthesizer(SimpleNamespace(ipc=2, factor=2, decode_type="single"), CLASSES, 3, 32, 32, "cpu")
    decoded, labels = made.sample(3)
    stored = made.data[6:8]
    yield compare("IDC: two tiles a side decoded", [synthetic.decode(stored, 2, 1)], [decoded])
    real = noise(16, 3, 32, 32)
    for metric in ("mse", "l1"):
        args = SimpleNamespace(match="grad", bias=False, fc=False, metric=metric)
        wanted = tools.matchloss(args, real, made.sample(3)[0], torch.full((16,), 3), labels, theirs)
        weights = list(gradient.find_matched(ours, metric).values())
        loss = gradient.distance(
            gradient.gradients(ours, weights, real, 3),
            gradient.gradients(ours, weights, synthetic.decode(made.data[6:8], 2, 1), 3, differentiable=True),
            metric,
        )
        yield from both(f"IDC, {metric}", loss, wanted, made.data)
    large = tools.Synthesizer(SimpleNamespace(ipc=20, factor=3, decode_type="bound"), 2, 3, 32, 32, "cpu")
    ours_bounded = synthetic.decode_bounded(large.data[20:], 3, 128)
    yield compare("IDC: 20 images decoded to at most 128", [ours_bounded], [large.sample(1)[0]])


def matching_of_mtt(folder: Path) -> Iterator[Row]:
    """Compare MTT's loss and its gradients, with batches that leave a remainder."""
    uses = {"namedtuple": collections.namedtuple, "contextmanager": contextlib.contextmanager, "types": types}
    wrapped = definitions(folder / "reparam_module.py", **uses)
    width, images = 32, noise(20, 3, 32, 32).requires_grad_()
    theirs = their_convnet(folder, width=width)
    ours = our_convnet(theirs, width=width)
    start = trajectory.flatten(ours)
    target = start + 0.01 * noise(len(start), seed=2)
    labels, rate = torch.arange(CLASSES).repeat_interleave(2), torch.tensor(0.02, requires_grad=True)
    args = SimpleNamespace(
        syn_steps=4, batch_syn=15, texture=False, dsa=False, no_aug=True, distributed=False, device="cpu"
    )
    torch.manual_seed(3)
    wanted = passage(folder / "distill.py", "param_loss_list = []", "grand_loss = param_loss",
        args=args, syn_images=images, y_hat=labels, student_net=wrapped.ReparamModule(theirs), syn_lr=rate,
        student_params=[start.clone().requires_grad_()], starting_params=start, target_params=target,
        criterion=nn.CrossEntropyLoss(), num_params=len(start),
    )["grand_loss"]  # fmt: skip
    torch.manual_seed(3)
    order = [list(torch.randperm(20).split(15)) for _ in range(2)]
    batches = [(images[part], labels[part]) for parts in order for part in reversed(parts)]
    yield from both("MTT", trajectory.distance(trajectory.unroll(ours, start, batches, rate), target, start), wanted,
                    images, rate)  # fmt: skip


def papers(folder: Path) -> Iterator[Row]:
    """Compare pruning, training, interpolation and curvature with the second paper's code."""
    make = definitions(folder / "models" / "convnet.py").ConvNet
    yield masks(folder, make(CLASSES, net_width=16))
    yield from steps(folder, make(CLASSES, net_width=16).double())
    yield from line(folder, make)
    yield from curvature(folder, make(CLASSES, net_width=3, im_size=(8, 8)).double())


def masks(folder: Path, theirs: nn.Module) -> Row:
    """Count the entries that differ in the masks of five levels, weights moving in between."""
    listed = definitions(folder / "prune.py", "get_parameters_to_prune").get_parameters_to_prune
    ours = models.build("convnet3", width=16, size=32, channels=3, classes=CLASSES)
    differ, mask = 0, None
    for level in range(5):
        for index, (module, _) in enumerate(listed(theirs)):
            weight = module.weight_orig if level else module.weight
            weight.data += 0.02 * noise(*weight.shape, seed=10 * level + index)
        theirs(noise(1, 3, 32, 32))  # a forward pass brings the weights behind PyTorch's masks up to date
        for mine, (module, _) in zip(pruning.prunable(ours).values(), listed(theirs), strict=True):
            mine.data.copy_(module.weight)
        prune.global_unstructured(listed(theirs), prune.L1Unstructured, amount=0.2)
        mask = pruning.magnitude(ours, mask)
        kept = [module.weight_mask.bool() for module, _ in listed(theirs)]
        differ += sum(int((mask[n] != k).sum()) for n, k in zip(pruning.prunable(ours), kept, strict=True))
    assert mask is not None
    return Row("masks of five levels, entries that differ", differ, mask.total)


def steps(folder: Path, theirs: nn.Module) -> Iterator[Row]:
    """Compare the weights after 50 steps of SGD in float64."""
    ours = models.build("convnet3", width=16, size=32, channels=3, classes=CLASSES).double()
    share_weights(ours, theirs)
    labels = torch.arange(80) % CLASSES
    split = data.Split(noise(80, 3, 32, 32), labels, (0.0,) * 3, (1.0,) * 3, CLASSES)
    helpers = definitions(folder / "misc" / "utils.py", "AverageMeter", "accuracy")
    tools = definitions(
        folder / "train.py", "train_epoch", AverageMeter=helpers.AverageMeter, accuracy=helpers.accuracy
    )
    args = SimpleNamespace(mix_p=0.0, print_freq=10, verbose=False, epoch_print_freq=1, nclass=CLASSES)
    optimiser = torch.optim.SGD(theirs.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    for epoch in range(5):
        order = torch.randperm(80, generator=loop.make_generator("order", 0, epoch))
        loader = Loader([(split.images[part].double(), labels[part]) for part in order.split(8)])
        tools.train_epoch(args, loader, theirs, nn.CrossEntropyLoss(), optimiser, mixup="vanilla")
    recipe = training.Recipe(epochs=5, batch_size=8, milestones=(), augmentation="")
    training.train(ours, split, recipe, device="cpu")
    yield compare("weights after 50 steps of SGD in float64", *(in_order(net) for net in (ours, theirs)))


class Loader(list[Any]):
    """Batches that say they lie on the device already."""

    device = "here"


def line(folder: Path, make: Callable[..., nn.Module]) -> Iterator[Row]:
    """Compare losses along the line between two dense networks."""
    pair = [make(CLASSES, net_width=16) for _ in range(2)]
    ours = [models.build("convnet3", width=16, size=32, channels=3, classes=CLASSES) for _ in pair]
    for mine, other in zip(ours, pair, strict=True):
        share_weights(mine, other)
    split = data.Split(noise(32, 3, 32, 32), torch.arange(32) % CLASSES, (0.0,) * 3, (1.0,) * 3, CLASSES)
    curve = connectivity.interpolate(ours[0], ours[0].state_dict(), ours[1].state_dict(), split, 11)
    listing = definitions(folder / "prune.py", "get_parameters_to_prune").get_parameters_to_prune
    uses = {"args": SimpleNamespace(device=0), "get_parameters_to_prune": listing}
    tools = definitions(folder / "lmc.py", "get_interpolated_model", **uses)
    for net in pair:
        prune.global_unstructured(listing(net), prune.L1Unstructured, amount=0)
    wanted = []
    with on_cpu(), torch.no_grad():
        for beta in np.arange(0, 1.1, 0.1):
            middle = make(CLASSES, net_width=16)
            prune.global_unstructured(listing(middle), prune.L1Unstructured, amount=0)
            middle = tools.get_interpolated_model(*pair, middle, float(beta))
            wanted.append(F.cross_entropy(middle(split.images), split.labels))
    yield compare("losses along a line", [torch.tensor(curve.loss)], [torch.stack(wanted)])


def curvature(folder: Path, theirs: nn.Module) -> Iterator[Row]:
    """Compare the Hessian's diagonal of a small network."""
    ours = models.build("convnet3", width=3, size=8, channels=3, classes=CLASSES).double()
    share_weights(ours, theirs)
    images, labels = noise(8, 3, 8, 8).double(), torch.arange(8)
    tools = definitions(folder / "calc_hessian.py", "compute_hessian_diagonal", grad=torch.autograd.grad)
    with on_cpu():
        flat = tools.compute_hessian_diagonal(theirs, [(images, labels)])
    theirs_by_id = dict(
        zip(map(id, theirs.parameters()), flat.split([p.numel() for p in theirs.parameters()]), strict=True)
    )
    found, names = hessian.diagonal(ours, images, labels), {id(p): name for name, p in ours.named_parameters()}
    yield compare(
        "diagonal of the Hessian, which they keep in float32",
        [found[names[id(parameter)]].flatten() for parameter in in_order(ours)],
        [theirs_by_id[id(parameter)] for parameter in in_order(theirs)],
    )


PARTS: dict[str, tuple[Callable[[Path], Iterator[Row]], ...]] = {
    "dc": (networks_of_dc, matching_of_dc),
    "mtt": (networks_of_dc, matching_of_mtt),
    "idc": (networks_of_idc, matching_of_idc),
    "papers": (papers,),
}


def rows(name: str, folder: Path) -> list[Row]:
    """Run every comparison with the code in a folder."""
    torch.manual_seed(0)  # for the initial weights of their networks
    with contextlib.redirect_stdout(io.StringIO()):  # their functions print what they do
        return [row for part in PARTS[name] for row in part(folder)]


def main() -> None:
    """Print a table of all comparisons whose code is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in PARTS:
        parser.add_argument(f"--{name}", type=Path, help=f"folder with the code of {name}")
    given = parser.parse_args()
    print("| code | compared | largest difference | over the largest entry |\n|---|---|---|---|")
    for name in PARTS:
        folder = getattr(given, name)
        if folder is None:
            print(f"| {name} | left out: no folder is given with `--{name}` | | |")
            continue
        for row in rows(name, folder):
            print(f"| {name} | {row.what} | {row.difference:.1e} | {row.relative:.1e} |", flush=True)


if __name__ == "__main__":
    main()
