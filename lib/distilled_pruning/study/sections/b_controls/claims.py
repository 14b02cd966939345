"""The claims on controls: is it the distilled data, the short and gentle inner loop, or something else."""

from __future__ import annotations

from ...judging.claims import SUBMISSION, claim
from ...judging.preconditions import of_the_paper
from ...judging.statistics import CONV, Frames, paired
from ...judging.units import POINTS
from ...judging.verdicts import MIXED, OPEN, REFUTED, SUPPORTED, Finding, positive
from ..common.tickets import EQUAL, GENTLE
from .evidence import (
    PAGES,
    PRIMARY,
    Differences,
    Judge,
    ask_of_lines,
    at,
    cases,
    lines,
    lower,
    no_less_accurate,
    no_riser,
    rises,
    steady,
    values,
)


def _at_equal_steps(frames: Frames, images: str) -> list[Finding]:
    """Real data at equal steps and rate: error rise and accuracy no worse than distilled data's, within margins."""
    frame = lines(frames, images, "real-short")
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, images):
        where = {"level": level, "setting": setting}
        ours, real = ({"method": name, **where} for name in (images, "real-short"))
        less = paired(values(frame, "error_rise", **ours), rises(frame, **real))
        findings.append(at(frame, level, setting, "error rise", no_riser, less))
        gained = paired(values(frame, "accuracy", **real), values(frame, "accuracy", **ours))
        findings.append(at(frame, level, setting, "accuracy", no_less_accurate, gained))
    return findings


def _more_accurate(frames: Frames, way: str, than: str, judge: Judge) -> list[Finding]:
    """Judge how much more accurate the tickets of a way are, level by level and setting by setting; IMP has one."""
    frame = lines(frames, way, than)
    if frame is None:
        return []
    findings = []
    for level, setting in cases(frame, way):
        alike = frame[(frame["setting"] == setting) | (frame["method"] == "imp")]
        ours, others = (values(alike, "accuracy", method=method, level=level) for method in (way, than))
        findings.append(at(frame, level, setting, "accuracy", judge, paired(ours, others)))
    return findings


@ask_of_lines(
    "control-equal-steps",
    statement=(
        "All real images at equal steps and rate give masks at least as stable and as accurate as our distilled set."
    ),
    rule=(
        "paired differences: error rise, distilled minus real, above −2 points; test accuracy, real minus"
        " distilled, above −1 point"
    ),
    sentences={
        SUPPORTED: "All real images, trained for as few steps at the same rate, give masks at least as stable "
        "and as accurate as our distilled set does: stability does not need distilled data.",
        MIXED: "All real images, trained for as few steps at the same rate, do as well as our distilled set "
        "in one respect, and worse in another.",
        REFUTED: "All real images, trained for as few steps at the same rate, do not do as well as our distilled "
        "set: the images matter.",
        OPEN: "Whether all real images, trained for as few steps at the same rate, do as well as our distilled "
        "set cannot be told from these numbers.",
    },
    of_sets=("distilled",),
)
def control_equal_steps(frames: Frames) -> list[Finding]:
    """All real images do no worse than our distilled ones at equal steps."""
    return _at_equal_steps(frames, "distilled")


@ask_of_lines(
    "control-published",
    statement=(
        "All real images at equal steps and rate give masks at least as stable and as accurate as a set that "
        "others published."
    ),
    rule=(
        "paired differences: error rise, published minus real, above −2 points; test accuracy, real minus"
        " published, above −1 point"
    ),
    sentences={
        SUPPORTED: "All real images, trained for as few steps at the same rate, give masks at least as stable and as "
        "accurate as a distilled set that others published does.",
        MIXED: "All real images, trained for as few steps at the same rate, do as well as a distilled set that others "
        "published in one respect, and worse in another.",
        REFUTED: "All real images, trained for as few steps at the same rate, do not do as well as a distilled set "
        "that others published.",
        OPEN: "Whether all real images, trained for as few steps at the same rate, do as well as a distilled set that "
        "others published cannot be told.",
    },
    of_sets=("published",),
)
def control_published(frames: Frames) -> list[Finding]:
    """All real images do no worse than a published set at equal steps."""
    return _at_equal_steps(frames, "published")


@ask_of_lines(
    "control-short-loop",
    statement="All real images for a few steps give more stable masks than IMP's full inner loop.",
    rule="paired difference of barriers, IMP minus short, above 0",
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
    """A few steps on all real images give a lower barrier than IMP's full loop."""
    return lower(frames, "imp", "real-short")


@ask_of_lines(
    "control-short-accuracy",
    statement="Masks of all real images for a few steps are as accurate as those of IMP's full inner loop.",
    rule="paired difference of test accuracy, short minus IMP, above −1 point",
    sentences={
        SUPPORTED: "Tickets of a few steps on all real images are no less accurate than IMP's.",
        MIXED: "Tickets of a few steps on all real images are as accurate as IMP's at one sparsity and less "
        "accurate at another.",
        REFUTED: "Tickets of a few steps on all real images are less accurate than IMP's.",
        OPEN: "Whether tickets of a few steps on all real images are as accurate as IMP's cannot be told within a "
        "point.",
    },
)
def control_short_accuracy(frames: Frames) -> list[Finding]:
    """A few steps on all real images give tickets no less accurate than IMP's full loop, within the margin."""
    return _more_accurate(frames, "real-short", "imp", no_less_accurate)


def _ask_whether_stable(name: str, method: str, images: str, setting: str = EQUAL) -> None:
    """Ask whether the tickets of a short loop on some images are stable."""
    gentle = setting == GENTLE

    @ask_of_lines(
        name,
        statement=f"{images} stable subnetworks in a few steps{' of a gentle inner loop' if gentle else ''}.",
        rule=(
            "midpoint error rise below 2 points at 59 and 87 %, "
            f"{'at an inner rate below the outer one' if gentle else 'inner and outer rate equal'}"
        ),
        primary=None,
        of_sets=(method,) if method in ("distilled", "published") else (),
    )
    def measure(frames: Frames) -> list[Finding]:
        """The tickets' error does not rise."""
        return steady(frames, method, setting)


_ask_whether_stable("short-real-stable", "real-short", "All real images give")
_ask_whether_stable("own-set-stable", "distilled", "A distilled set of our own gives")
_ask_whether_stable("published-stable", "published", "A distilled set that others published gives")
_ask_whether_stable("random-real-stable", "random-real", "Random real images, as many as a distilled set has, give")
_ask_whether_stable("gentle-real-stable", "real-short", "All real images give", GENTLE)


@ask_of_lines(
    "control-subset",
    statement="Our distilled set gives more stable masks than a random real subset of equal size.",
    rule="paired difference of barriers, random minus distilled, above 0",
    sentences={
        SUPPORTED: "At equal size and steps, our distilled set gives more stable masks than random real images.",
        MIXED: "At equal size and steps, our distilled set gives more stable masks than random real images at "
        "one sparsity, and less stable ones at another.",
        REFUTED: "At equal size and steps, real images drawn at random give masks more stable than our distilled "
        "set does.",
        OPEN: "Whether our distilled set beats real images drawn at random, at equal size and steps, cannot "
        "be told from these numbers.",
    },
    of_sets=("distilled",),
)
def control_subset(frames: Frames) -> list[Finding]:
    """The barrier of a random real subset of equal size lies above the distilled set's."""
    return lower(frames, "random-real", "distilled")


@ask_of_lines(
    "control-random-real",
    statement=(
        "Random real images, as few as a distilled set has and for as few steps, give more stable masks "
        "than IMP's full inner loop."
    ),
    rule="paired difference of barriers, IMP minus random real, above 0",
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
    return lower(frames, "imp", "random-real")


@ask_of_lines(
    "control-images",
    statement=(
        "At equal steps all real images give more stable masks than as many random real images as a distilled set has."
    ),
    rule="paired difference of barriers, random real minus all real, above 0",
    family=2,
    sentences={
        SUPPORTED: "At equal steps the images matter, by number or by kind: all real images give more stable masks "
        "than as many random ones as a distilled set has.",
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


def _gain(setting: str, differences: Differences) -> Finding:
    """Judge that an accuracy is higher."""
    return positive(setting, differences, POINTS)


@claim(
    "data-responsible",
    paper=SUBMISSION,
    where="section 1",
    data="cifar10",
    statement="The representation of the distilled data is purely responsible for the tickets' performance.",
    paper_value="above 0",
    rule="paired difference of test accuracy at equal steps and rate, distilled minus all real images, above 0",
    primary=PRIMARY,
    frames=PAGES,
    preconditions=of_the_paper(CONV, EQUAL),
    of_sets=("distilled",),
)
def data_responsible(frames: Frames) -> list[Finding]:
    """At equal steps the tickets of distilled images are more accurate than those of all real images."""
    return _more_accurate(frames, "distilled", "real-short", _gain)
