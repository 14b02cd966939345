"""The claims on controls: is it the distilled data, the short and gentle inner loop, or something else."""

from __future__ import annotations

from ...judging.claims import OURS, SUBMISSION, Primary, claim
from ...judging.preconditions import of_the_paper
from ...judging.statistics import CONV, LEVELS, Frames, paired
from ...judging.verdicts import MIXED, OPEN, REFUTED, SUPPORTED, Finding
from ..common.tickets import EQUAL, GENTLE
from .evidence import at, below_imp, cases, lines, lower, minus_imp, no_less_accurate, no_riser, rises, steady, values


def _at_equal_steps(frames: Frames, images: str) -> list[Finding]:
    """Real data at equal steps and rate: error rise and accuracy no worse than distilled data's, within margins."""
    frame = lines(frames, images, "real-short")
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, images):
        where = {"level": level, "setting": setting}
        ours, real = ({"method": name, **where} for name in (images, "real-short"))
        less = paired(rises(frame, **ours), rises(frame, **real))
        findings.append(at(frame, level, setting, "error rise", no_riser, less))
        gained = paired(values(frame, "accuracy", **real), values(frame, "accuracy", **ours))
        findings.append(at(frame, level, setting, "accuracy", no_less_accurate, gained))
    return findings


@claim(
    "control-equal-steps",
    paper=OURS,
    where="controls",
    statement="Real data at equal steps and rate gives masks at least as stable and as accurate as distilled data.",
    rule=(
        "paired differences: error rise, distilled minus real, above −2 points; test accuracy, real minus"
        " distilled, above −1 point"
    ),
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    sentences={
        SUPPORTED: "All real images, trained for as few steps at the same rate, give masks at least as stable "
        "and as accurate as distilled images do: stability does not need distilled data.",
        MIXED: "All real images, trained for as few steps at the same rate, do as well as distilled images "
        "in one respect, and worse in another.",
        REFUTED: "All real images, trained for as few steps at the same rate, do not do as well as distilled "
        "images: the images matter.",
        OPEN: "Whether all real images, trained for as few steps at the same rate, do as well as distilled "
        "images cannot be told from these numbers.",
    },
    of_sets=("distilled",),
)
def control_equal_steps(frames: Frames) -> list[Finding]:
    """All real images do no worse than distilled ones."""
    return _at_equal_steps(frames, "distilled")


@claim(
    "control-published",
    paper=OURS,
    where="controls",
    statement=(
        "Real data at equal steps and rate gives masks at least as stable and as accurate as a set that "
        "others published."
    ),
    rule=(
        "paired differences: error rise, published minus real, above −2 points; test accuracy, real minus"
        " published, above −1 point"
    ),
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    sentences={
        SUPPORTED: "The same holds against a distilled set that others published.",
        MIXED: "Against a distilled set that others published, real images do as well in one respect, and "
        "worse in another.",
        REFUTED: "Against a distilled set that others published, real images do not do as well.",
        OPEN: "Whether real images do as well as a distilled set that others published cannot be told.",
    },
    of_sets=("published",),
)
def control_published(frames: Frames) -> list[Finding]:
    """All real images do no worse than a published set."""
    return _at_equal_steps(frames, "published")


@claim(
    "control-short-loop",
    paper=OURS,
    where="controls",
    statement="Real data for a few steps gives more stable masks than IMP's full inner loop.",
    rule="paired difference of barriers, IMP minus short, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    family=2,
    sentences={
        SUPPORTED: "All real images, used for a few steps instead of IMP's full inner loop, give masks that are "
        "more stable than IMP's.",
        MIXED: "All real images, used for a few steps instead of IMP's full inner loop, give more stable "
        "masks than IMP at one sparsity and less stable ones at another.",
        REFUTED: "All real images, used for a few steps instead of IMP's full inner loop, do not give more "
        "stable masks than IMP.",
        OPEN: "Whether a few steps on all real images give more stable masks than IMP does cannot be told.",
    },
)
def control_short_loop(frames: Frames) -> list[Finding]:
    """A few steps on real data give a lower barrier than IMP's full loop."""
    return below_imp(frames, "real-short")


@claim(
    "control-short-accuracy",
    paper=OURS,
    where="controls",
    statement="Masks of real data for a few steps are as accurate as those of IMP's full inner loop.",
    rule="paired difference of test accuracy, short minus IMP, above −1 point",
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    sentences={
        SUPPORTED: "Their tickets are no less accurate than IMP's.",
        MIXED: "Their tickets are as accurate as IMP's at one sparsity and less accurate at another.",
        REFUTED: "Their tickets are less accurate than IMP's.",
        OPEN: "Whether their tickets are as accurate as IMP's cannot be told within a point.",
    },
)
def control_short_accuracy(frames: Frames) -> list[Finding]:
    """A few steps on real data give tickets no less accurate than IMP's full loop, within the margin."""
    frame = lines(frames, "imp", "real-short")
    if frame is None:
        return []
    return [
        at(frame, level, setting, "accuracy", no_less_accurate, differences)
        for level, setting, differences in minus_imp(frame, "real-short", "accuracy")
    ]


@claim(
    "short-real-stable",
    paper=OURS,
    where="controls",
    statement="Real data with as few steps as distilled data gets gives stable subnetworks.",
    rule="midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal",
    frames=(
        "controls",
        "barriers",
    ),
)
def short_real_stable(frames: Frames) -> list[Finding]:
    """Tickets of a few steps on all real images do not rise."""
    return steady(frames, "real-short")


@claim(
    "own-set-stable",
    paper=OURS,
    where="controls",
    statement="A distilled set of our own gives stable subnetworks in as few steps.",
    rule="midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal",
    frames=("controls", "barriers"),
    of_sets=("distilled",),
)
def own_set_stable(frames: Frames) -> list[Finding]:
    """So do those of our own distilled set."""
    return steady(frames, "distilled")


@claim(
    "published-stable",
    paper=OURS,
    where="controls",
    statement="So does a distilled set that others published, in as few steps.",
    rule="midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal",
    frames=(
        "controls",
        "barriers",
    ),
    of_sets=("published",),
)
def published_stable(frames: Frames) -> list[Finding]:
    """Nor do those of a published set."""
    return steady(frames, "published")


@claim(
    "random-real-stable",
    paper=OURS,
    where="controls",
    statement="So do as many real images drawn at random, in as few steps.",
    rule="midpoint error rise below 2 points at 59 and 87 %, inner and outer rate equal",
    frames=(
        "controls",
        "barriers",
    ),
)
def random_real_stable(frames: Frames) -> list[Finding]:
    """Nor do those of random real images."""
    return steady(frames, "random-real")


@claim(
    "gentle-real-stable",
    paper=OURS,
    where="controls",
    statement="So it does with a gentle inner loop.",
    rule="midpoint error rise below 2 points at 59 and 87 %, at an inner rate below the outer one",
    frames=(
        "controls",
        "barriers",
    ),
)
def gentle_real_stable(frames: Frames) -> list[Finding]:
    """Nor do those of a gentle loop on all real images."""
    return steady(frames, "real-short", GENTLE)


@claim(
    "control-subset",
    paper=OURS,
    where="controls",
    statement="A distilled set gives more stable masks than a random real subset of equal size.",
    rule="paired difference of barriers, random minus distilled, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    sentences={
        SUPPORTED: "At equal size and steps, distilled images give more stable masks than random real images.",
        MIXED: "At equal size and steps, distilled images give more stable masks than random real ones at "
        "one sparsity, and less stable ones at another.",
        REFUTED: "At equal size and steps, real images drawn at random give masks more stable than distilled "
        "images do.",
        OPEN: "Whether distilled images beat real images drawn at random, at equal size and steps, cannot "
        "be told from these numbers.",
    },
    of_sets=("distilled",),
)
def control_subset(frames: Frames) -> list[Finding]:
    """The barrier of a random real subset of equal size lies above the distilled set's."""
    return lower(frames, "random-real", "distilled")


@claim(
    "control-random-real",
    paper=OURS,
    where="controls",
    statement=(
        "Random real images, as few as a distilled set has and for as few steps, give more stable masks "
        "than IMP's full inner loop."
    ),
    rule="paired difference of barriers, IMP minus random real, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=(
        "controls",
        "barriers",
    ),
    sentences={
        SUPPORTED: "Even real images drawn at random, as few as a distilled set has and for as few steps, give "
        "masks more stable than IMP's.",
        MIXED: "Real images drawn at random, as few as a distilled set has and for as few steps, give masks "
        "more stable than IMP's at one sparsity, and less stable ones at another.",
        REFUTED: "Real images drawn at random, as few as a distilled set has and for as few steps, give masks "
        "less stable than IMP's: a short loop alone is not enough.",
        OPEN: "Whether real images drawn at random, as few as a distilled set has and for as few steps, "
        "give masks more stable than IMP's cannot be told.",
    },
)
def control_random_real(frames: Frames) -> list[Finding]:
    """A few steps on random real images give a lower barrier than IMP's full loop."""
    return below_imp(frames, "random-real")


@claim(
    "control-images",
    paper=OURS,
    where="controls",
    statement=(
        "At equal steps all real images give more stable masks than as many random real images as a distilled set has."
    ),
    rule="paired difference of barriers, random real minus all real, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=("controls", "barriers"),
    family=2,
    sentences={
        SUPPORTED: "At equal steps the images matter: all real images give more stable masks than as many random"
        " ones as a distilled set has.",
        MIXED: "At equal steps all real images give more stable masks than as many random ones as a "
        "distilled set has at one sparsity, less stable ones at another.",
        REFUTED: "At equal steps all real images do not give more stable masks than as few random ones as a "
        "distilled set has.",
        OPEN: "Whether all real images give more stable masks than as few random ones as a distilled set "
        "has, at equal steps, cannot be told.",
    },
)
def control_images(frames: Frames) -> list[Finding]:
    """The barrier of a random real subset lies above that of all real images, at equal steps and rate."""
    return lower(frames, "random-real", "real-short")


@claim(
    "data-responsible",
    paper=SUBMISSION,
    where="section 4",
    data="cifar10",
    statement="The representation of the distilled data is purely responsible for the stability.",
    paper_value="purely",
    rule="paired difference of barriers at equal steps and rate, all real images minus distilled, above 0",
    primary=Primary(EQUAL, LEVELS),
    frames=("controls", "barriers"),
    preconditions=of_the_paper(CONV, EQUAL),
    of_sets=("distilled",),
)
def data_responsible(frames: Frames) -> list[Finding]:
    """At equal steps real images do not do what distilled ones do."""
    return lower(frames, "real-short", "distilled")
