"""The ledger: what the papers say, as data, and what our runs say of it."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import Any

from .measures import (
    Frames,
    Measure,
    accuracy_difference,
    dense_unstable,
    distilled_stable,
    imp_unstable,
    more_stable,
    points_ratio,
    stability_grows,
)
from .tickets import EQUAL, GENTLE
from .verdicts import DECIDED, NOT_RUN, RANK, UNDECIDED, Finding, combine

MAIN, SUBMISSION, FIRST, OURS = "arXiv:2503.17905", "its ICLR 2024 submission", "arXiv:2307.03364", "this companion"
CONV: dict[str, object] = {"model": "convnet3"}


@dataclass(frozen=True)
class Claim:
    """One statement and how it is judged.

    Attributes:
        id: Short name.
        paper: Which text makes it.
        where: Place in that text.
        statement: The statement, in our words.
        paper_value: The paper's value, as printed or read off.
        rule: How the verdict follows.
        measure: Frames to findings; ``None`` where no experiment measures it yet (the verdict is *not run*).
        sizes: Judged at paper scale only, because it states a size rather than a sign or an order.
    """

    id: str
    paper: str
    where: str
    statement: str
    paper_value: str
    rule: str
    measure: Measure | None = None
    sizes: bool = False


CLAIMS: tuple[Claim, ...] = (
    Claim("match-imp", MAIN, "abstract, Fig. 2", "On ResNet-18/CIFAR-10, distilled pruning with 10 images per class is as accurate as IMP at equal sparsity.", "about 0", "accuracy difference within 1 point, paired by initialisation", accuracy_difference("distilled", "imp", 0.01)),
    Claim("points-150x", MAIN, "abstract, Fig. 2", "Finding the mask takes 150 times fewer training points.", "150", "ratio of images seen, exact counts", points_ratio, sizes=True),
    Claim("no-tickets-past-40", MAIN, "Fig. 2", "With rewinding to initialisation there are no lottery tickets past about 40 % sparsity on ResNet-18/CIFAR-10.", "about 40 %", "largest level whose accuracy is within 0.5 points of dense"),
    Claim("low-distilled-acc-ok", SUBMISSION, "section 3", "Low accuracy of training on the distilled set does not carry over to the pruned network.", "67.5 %", "accuracy on the distilled set against accuracy of its ticket"),
    Claim("dense-unstable-conv", MAIN, "section 4, Fig. 3", "The dense ConvNet-3 at initialisation is unstable to SGD noise.", "barrier visible", "midpoint error rise above 2 points", dense_unstable(**CONV)),
    Claim("dense-unstable-r10", MAIN, "section 4, Fig. 4", "The dense ResNet-10 at initialisation is unstable to SGD noise.", "barrier visible", "midpoint error rise above 2 points", dense_unstable(model="resnet10")),
    Claim("dense-unstable-r18", MAIN, "section 4, Fig. 3", "The dense ResNet-18 at initialisation is unstable to SGD noise.", "barrier visible", "midpoint error rise above 2 points", dense_unstable(model="resnet18")),
    Claim("imp-unstable", MAIN, "section 4", "IMP subnetworks are unstable too.", "barrier visible", "midpoint error rise above 2 points at 59 and 87 %", imp_unstable(**CONV)),
    Claim("syn-stable-conv", MAIN, "section 4, Fig. 3", "Distilled subnetworks of ConvNet-3 are fully linearly connected.", "about 0", "midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal", distilled_stable(EQUAL, **CONV)),
    Claim("syn-stable-r10", MAIN, "section 4, Fig. 4", "Distilled subnetworks of ResNet-10 are fully linearly connected.", "about 0", "midpoint error rise below 2 points at 59 and 87 %", distilled_stable(EQUAL, model="resnet10")),
    Claim("syn-more-stable-r18", MAIN, "Fig. 3", "On ResNet-18/CIFAR-10 distilled subnetworks are more stable than IMP's.", "positive", "paired difference of barriers, IMP minus distilled, above 0", more_stable(EQUAL, model="resnet18")),
    Claim("stability-grows", MAIN, "section 4", "The more distilled pruning, the more stable, at higher and flatter loss.", "signs", "slopes over sparsity: barrier below 0, end loss above 0", stability_grows),
    Claim("where-not-how-much", SUBMISSION, "section 4", "Sparsity alone does not smooth the landscape; where it is induced does.", "ordering", "barrier of IMP minus barrier of distilled at equal sparsity above 0", more_stable(EQUAL, **CONV)),
    Claim("one-basin", MAIN, "section 4.1, Fig. 5", "Dense and IMP pairs fall into two minima, distilled pairs into one flat basin.", "2, 2, 1", "basins on the plane"),
    Claim("hess-std", MAIN, "section 4.2", "The Hessian diagonal spreads less for distilled subnetworks than for IMP's and the dense network's.", ".0286 < .0350 < .0559", "orderings of the standard deviation"),
    Claim("hess-range", MAIN, "section 4.2", "Its range is narrower for distilled subnetworks than for the dense network, and wider for IMP's.", "see table", "orderings of minimum and maximum"),
    Claim("hess-mean", MAIN, "section 4.2", "The means are alike.", ".0035 to .0051", "values", sizes=True),
    Claim("hess-magnitude", MAIN, "section 4.2", "Mean magnitude: distilled below dense below IMP at 60 %.", ".0061 < .0067 < .0087", "ordering"),
    Claim("hess-sparser-smoother", MAIN, "section 4.2", "Higher sparsity lowers the mean magnitude for both methods.", ".0087 to .0060, .0061 to .0053", "slope over sparsity below 0"),
    Claim("stable-from-60", SUBMISSION, "section 4.3", "Distilled subnetworks first become stable around 60 % sparsity.", "about 60 %", "first stable level"),
    Claim("distances-shrink", SUBMISSION, "Fig. 5", "Retrained networks come slightly closer to each other as pruning goes on.", "slightly lower", "slope of L2 distance over sparsity below 0"),
    Claim("masks-independent", MAIN, "section 4", "Masks of IMP and distilled pruning from one initialisation are nearly independent.", "about 1", "shared survivors over chance within 1.1"),
    Claim("layers-alike", MAIN, "section 7", "Their per-layer sparsities are extremely similar.", "about 0", "largest difference over layers at most 5 points"),
    Claim("init-magnitudes-alike", MAIN, "section 4", "Pruned weights have the same distribution of initial magnitudes in both.", "same", "Kolmogorov–Smirnov distance at most .05"),
    Claim("compression-stability", MAIN, "section 5, Fig. 6", "More compression of the data, lower barrier relative to IMP.", "negative", "rank correlation below 0"),
    Claim("architecture-match", MAIN, "sections 2.2 and 5", "Distilled sets suit the architecture they were made on.", "better on its own", "accuracy and barrier ratio, own against other architecture"),
    Claim("performance-needs-quality", MAIN, "section 5, Fig. 6", "The accuracy ratio follows the distilled set's own accuracy.", "positive", "rank correlation above 0"),
    Claim("cifar100-weak", SUBMISSION, "section 3", "On CIFAR-100 distilled pruning is fair at low sparsity and poor above 90 %.", "below 1, falling", "accuracy ratio at levels 4 and 11"),
    Claim("imp-k0-limit", MAIN, "section 6, Fig. 7", "IMP rewound to initialisation finds no ticket past 90 % (ResNet-10/ImageNet-10).", "90 %", "largest matching sparsity"),
    Claim("syn8-beyond", MAIN, "section 6, abstract", "Eight distilled levels, then IMP, find tickets with 10 times fewer weights.", "10x", "survivors at the largest matching sparsity", sizes=True),
    Claim("syn8-near-k3", MAIN, "Fig. 7", "At high sparsity that performs like rewinding to epoch 3.", "about 0", "accuracy difference within 1 point at levels 18 to 25"),
    Claim("syn8-recovers", SUBMISSION, "section 5", "IMP after distilled levels regains the accuracy lost by them.", "positive", "paired accuracy difference above 0"),
    Claim("syn8-cheap", MAIN, "Fig. 7", "Eight distilled levels cost a negligible part of one training.", "negligible", "samples against one real run", sizes=True),
    Claim("p-faster-session", FIRST, "section 3.2", "A distilled training is about 8 times faster than a real one.", "7.9", "seconds and steps a training", sizes=True),
    Claim("p-5x", FIRST, "abstract", "Tickets of equal sparsity are found up to 5 times faster.", "5", "(n+1) real trainings over n distilled and one real", sizes=True),
    Claim("p-accuracy", FIRST, "section 3", "AlexNet/CIFAR-10: accuracy near IMP at equal sparsity, far above random.", "see the logs", "curves against the authors' logs"),
    Claim("p-stable-at-init", FIRST, "section 3.3", "Distilled tickets are stable at initialisation; IMP's need early rewinding.", "orderings", "error barrier at initialisation and at epoch 1"),
    Claim("p-ipc-tradeoff", FIRST, "section 3", "More images per class give better masks and less speed-up.", "signs", "accuracy and seconds over images per class"),
    Claim("gentle-stable", OURS, "welcome page", "With a gentle inner loop distilled subnetworks are stable at both sparsities.", "", "midpoint error rise below 2 points at 59 and 87 %", distilled_stable(GENTLE, **CONV)),
    Claim("gentle-more-stable", OURS, "welcome page", "With a gentle inner loop distilled subnetworks are more stable than IMP's.", "", "paired difference of barriers above 0", more_stable(GENTLE, **CONV)),
    Claim("control-magnitude", OURS, "controls", "The synthetic mask is not magnitude at initialisation in disguise.", "", "overlap against layer chance; barriers of both"),
    Claim("control-layers", OURS, "controls", "Per-layer densities do not carry the stability.", "", "barrier of the mask shuffled within layers"),
    Claim("control-equal-steps", OURS, "controls", "Real data at equal steps and rate gives masks at least as stable as distilled data.", "", "paired difference of barriers, distilled minus real, above 0", more_stable(EQUAL, method="real-short", than="distilled", **CONV)),
    Claim("control-subset", OURS, "controls", "A distilled set gives more stable masks than a random real subset of equal size.", "", "paired difference of barriers, random minus distilled, above 0", more_stable(EQUAL, method="distilled", than="random-real", **CONV)),
    Claim("control-dose", OURS, "controls", "Stability has an optimum over inner steps and learning rate.", "", "barrier over dose"),
    Claim("control-equal-loss", OURS, "controls", "It is flat at equal training loss too.", "", "barrier at matched training loss"),
    Claim("mask-bug", OURS, "controls", "Interpolating without masks, as the authors' scripts did, changes the barrier.", "", "barrier with and without"),
    Claim("rewind-scope", OURS, "controls", "Leaving biases and norms trained changes barrier or accuracy.", "", "both, with and without"),
    Claim("bn-reestimated", OURS, "controls", "Re-estimating BatchNorm statistics changes the barrier.", "", "barrier with and without"),
    Claim("open-shift", OURS, "controls", "Tickets differ under corruptions and adversarial examples.", "", "accuracy by mask source at equal sparsity"),
    Claim("open-init", OURS, "controls", "The ordering holds under other initialisations.", "", "barrier by initialisation"),
    Claim("open-quality", OURS, "controls", "A distilled set's own quality predicts its tickets.", "", "rank correlations"),
)  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """A claim's findings at one scale and the verdict that follows."""

    claim: Claim
    scale: str
    findings: tuple[Finding, ...]
    verdict: str

    @property
    def value(self) -> str:
        """The findings' means, setting by setting."""
        found = [finding for finding in self.findings if not math.isnan(finding.value)]
        return "; ".join(f"{finding.setting}: {finding.value:.3g}" for finding in found)

    @property
    def n(self) -> int:
        """Smallest number of initialisations behind a finding."""
        return min((finding.n for finding in self.findings), default=0)


def judge(frames: Frames, scale: str) -> list[Judgement]:
    """Judge every claim on the frames of one scale.

    Args:
        frames: Tidy frames by experiment name; missing ones leave their claims *not run*.
        scale: The derived stamp of those frames, ``"paper"``, ``"reduced"``, ``"live"`` or ``"custom: …"``.
    """
    judgements = []
    for claim in CLAIMS:
        findings = tuple(claim.measure(frames)) if claim.measure is not None else ()
        verdict = combine(findings)
        if claim.sizes and scale != "paper" and verdict != NOT_RUN:
            verdict = UNDECIDED
        judgements.append(Judgement(claim, scale, findings, verdict))
    return judgements


def row(now: Judgement, recorded: Judgement | None = None) -> dict[str, Any]:
    """Give the ledger's row of a claim as JSON."""
    intervals = {f.setting: list(f.interval) for f in now.findings if f.interval is not None and math.isfinite(f.value)}
    return {
        "id": now.claim.id,
        "paper": now.claim.paper,
        "where": now.claim.where,
        "statement": now.claim.statement,
        "paper_value": now.claim.paper_value,
        "rule": now.claim.rule,
        "recorded": {"scale": recorded.scale, "value": recorded.value, "verdict": recorded.verdict, "n": recorded.n}
        if recorded is not None and recorded.verdict != NOT_RUN
        else None,
        "this_run": now.value or None,
        "interval": intervals or None,
        "n": now.n,
        "scale": now.scale,
        "verdict": now.verdict,
    }


@functools.cache
def expectations() -> dict[str, dict[str, dict[str, Any]]]:
    """Read the committed expectations: scale to claim to verdict, intervals and n."""
    text = resources.files(__package__).joinpath("expected.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def shortfalls(judgements: list[Judgement]) -> list[str]:
    """Say where judgements fall short of what is expected at their scale: worse verdicts, fewer seeds, missing claims.

    Only decided expectations gate. A run at custom parameters expects nothing.
    """
    problems = []
    by_id = {judgement.claim.id: judgement for judgement in judgements}
    scale = judgements[0].scale if judgements else ""
    for name, wanted in expectations().get(scale, {}).items():
        now = by_id.get(name)
        if now is None:
            problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, but no such claim is in the ledger")
        elif wanted["verdict"] not in DECIDED:
            continue
        elif RANK[now.verdict] < RANK[wanted["verdict"]]:
            problems.append(f"{name}: expected {wanted['verdict']} at {scale} scale, found {now.verdict} ({now.value})")
        elif now.n < wanted["n"]:
            problems.append(f"{name}: expected at least {wanted['n']} initialisations, found {now.n}")
    return problems
