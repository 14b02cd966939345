"""The claims on Fig. 2 of 2503.17905: accuracy over sparsity, and what finding a mask costs."""

from __future__ import annotations

from ...judging.claims import PAPER, claim
from ...judging.preconditions import dense_keeps_up, of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, by_init, paired, select, sparse, way
from ...judging.units import POINTS, TIMES
from ...judging.verdicts import CONTRADICTED, REPRODUCED, Finding, equal, positive
from ..common.grouping import place
from ..common.tickets import EQUAL
from . import lottery

RESNET = "resnet18"
FEW = 0.4  # the sparsity past which the paper finds no tickets
MARGIN = 0.01


@claim(
    "match-imp",
    paper=PAPER,
    where="abstract, Fig. 2",
    data="cifar10",
    statement=(
        "On ResNet-18/CIFAR-10, distilled pruning with 10 images per class is as accurate as IMP at equal sparsity."
    ),
    paper_value="about 0",
    rule="accuracy difference within 1 point, paired by initialisation",
    frames=("fig2",),
    preconditions=(dense_keeps_up(RESNET, "fig2"), *of_the_paper(RESNET, EQUAL)),
    of_sets=("distilled",),
)
def match_imp(frames: Frames) -> list[Finding]:
    """Paired accuracy of distilled and IMP's tickets at 59 and 87 %, equal within a margin."""
    findings = []
    for level in LEVELS:
        syn, imp = (
            by_init(select(frames, "fig2", model=RESNET, method=method, setting=EQUAL, level=level), "accuracy")
            for method in ("distilled", "imp")
        )
        name = sparse(select(frames, "fig2", model=RESNET), level)
        findings.append(equal(name, paired(syn, imp), MARGIN, POINTS))
    return findings


@claim(
    "points-150x",
    paper=PAPER,
    where="abstract, Fig. 2",
    data="cifar10",
    statement="Finding the mask takes 150 times fewer training points.",
    paper_value="150",
    rule="ratio of images seen, exact counts",
    sizes=True,
    frames=("fig2",),
    of_sets=("distilled",),
)
def points_ratio(frames: Frames) -> list[Finding]:
    """Images seen to find the first network's sparsest mask, IMP over distilled (exact counts, not estimates)."""
    findings = []
    frame = place(frames, "fig2")
    imp, syn = (way(frame, method) for method in ("imp", "distilled"))
    if imp is None or syn is None:
        return []
    level = min(imp["level"].max(), syn["level"].max())
    for column, name, target in (
        ("points", "stored images", 150.0),
        ("points_decoded", "decoded images", 37.5),
        ("steps", "steps", 33.5),
    ):
        ratio = float(imp[imp["level"] == level][column].max() / syn[syn["level"] == level][column].max())
        verdict = REPRODUCED if abs(ratio / target - 1) < 0.02 else CONTRADICTED
        findings.append(Finding(name, ratio, (ratio, ratio), imp["init"].nunique(), verdict, unit=TIMES))
    return findings


@claim(
    "no-tickets-past-40",
    paper=PAPER,
    where="Fig. 2",
    data="cifar10",
    statement=(
        "With rewinding to initialisation there are no lottery tickets past about 40 % sparsity on ResNet-18/CIFAR-10."
    ),
    paper_value="about 40 %",
    rule=(
        "sparsity of the sparsest ticket (mean accuracy at most 0.5 points below dense), with the range "
        "the 95 % intervals leave it; at most 40 %, both methods"
    ),
    sizes=True,
    frames=("fig2",),
    preconditions=(dense_keeps_up(RESNET, "fig2"), *of_the_paper(RESNET, EQUAL)),
    of_sets=("distilled",),
)
def no_tickets_past_40(frames: Frames) -> list[Finding]:
    """No ticket of IMP or distilled pruning is sparser than 40 %."""
    return lottery.none_past(frames, "fig2", ("imp", "distilled"), FEW, model=RESNET)


@claim(
    "cannot-compete",
    paper=PAPER,
    where="section 5",
    data="cifar10",
    statement=(
        "As a method for accuracy alone distilled pruning cannot yet compete: its tickets are less accurate than IMP's."
    ),
    paper_value="below IMP",
    rule="test accuracy of a ConvNet-3, IMP minus distilled at 59 and 87 %, paired by initialisation, above 0",
    frames=("fig2",),
    preconditions=(dense_keeps_up(CONV, "fig2"), *of_the_paper(CONV, EQUAL)),
    of_sets=("distilled",),
)
def cannot_compete(frames: Frames) -> list[Finding]:
    """Accuracy of IMP's tickets of a ConvNet-3 minus the distilled ones'."""
    findings = []
    for level in LEVELS:
        syn, imp = (
            by_init(select(frames, "fig2", model=CONV, method=method, setting=EQUAL, level=level), "accuracy")
            for method in ("distilled", "imp")
        )
        findings.append(positive(sparse(select(frames, "fig2", model=CONV), level), paired(imp, syn), POINTS))
    return findings
