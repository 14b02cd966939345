"""The page *How fast*, written from measured runs that are kept with the sources; imports no PyTorch."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...display import Markup, Picture, svg
from ...judging.units import plain
from .runs import (
    COSTS,
    HALF_PRODUCT,
    MEASURED,
    PRODUCT,
    Comparison,
    best_rate,
    compare,
    hold,
    list_pairs,
    load,
    name_machine,
    share_of_product,
)

ELSEWHERE = "benchmarks/elsewhere"  # a run of another machine in each file


def _number(value: float) -> str:
    """Write a number to three digits, thousands apart."""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return text.replace(",", "\u202f")


def _duration(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("h", 3600), ("min", 60), ("s", 1), ("ms", 1e-3)):
        if seconds >= (1 if length == 1 else 1.5) * length or unit == "ms":
            return f"{_number(seconds / length)} {unit}"
    raise AssertionError(seconds)


def _power(value: float) -> str:
    digits, _, exponent = f"{value:.1e}".partition("e")
    return f"{digits} · 10<sup>{int(exponent)}</sup>"


def _ratio(found: Sequence[float]) -> str:
    """Write a ratio: the median, then the least."""
    return f"{_number(statistics.median(found))}× ({_number(min(found))}×)"


def _machine(measured: Mapping[str, Any]) -> str:
    return plain(name_machine(measured))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    lines = [f":::{{table}} {caption}", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ":::"])


def _of_theme(measured: Mapping[str, Any], *themes: str) -> list[Comparison]:
    return [found for found in measured["comparisons"] if found["theme"] in themes]


def training(measured: Mapping[str, Any]) -> str:
    """Write the table of training steps."""
    rows = []
    for found in _of_theme(measured, "training"):
        for name in (*found["peers"], *found["ours"]):
            against = [_ratio(compare(found, peer, name)) if name in found["ours"] else "–" for peer in found["peers"]]
            images = _number(found["images"] / min(found["seconds"][name]))
            rows.append([found["title"], plain(name), images, f"{100 * share_of_product(found, name):.0f} %", *against])
    peers = [f"against {peer}" for found in _of_theme(measured, "training")[:1] for peer in found["peers"]]
    head = ["network", "variant", "images a second", "of a matrix product's rate", *peers]
    return _table(head, rows, f"Training steps on {_machine(measured)}: times faster, median (least) of the rounds")


def fastest(measured: Mapping[str, Any]) -> str:
    """Say which variant of ours has the fastest training step, by the median over the rounds."""
    found: dict[str, list[str]] = {}
    for step in _of_theme(measured, "training"):
        best = min(step["ours"], key=lambda name: statistics.median(step["seconds"][name]))
        found.setdefault(best, []).append(step["title"])
    names = [f"*{plain(best)}* for {', '.join(map(plain, titles))}" for best, titles in found.items()]
    return f"On {_machine(measured)}, the fastest training step is {'; '.join(names)}."


def hessian(measured: Mapping[str, Any]) -> str:
    """Write the table of exact Hessian diagonals, and below it what peers answer that cannot give one."""
    rows, answers = [], dict[tuple[str, str], list[str]]()
    for found in _of_theme(measured, "hessian"):
        (ours,) = found["ours"]
        for peer in found["peers"]:
            if peer in found["refused"]:
                answers.setdefault((peer, found["refused"][peer]), []).append(found["title"])
                continue
            times = [_duration(min(found["seconds"][name])) for name in (peer, ours)]
            gap = f"{found['differences'][peer]:.0e}"
            rows.append([found["title"], plain(peer), *times, _ratio(compare(found, peer, ours)), gap])
    head = ["network", "peer", "its time", "ours", "times faster", "largest difference"]
    caption = (
        f"Exact Hessian diagonals on {_machine(measured)}: median (least) of the rounds; differences as a share of the "
        "largest entry"
    )
    lines = [
        f"- {plain(peer)} on {'; '.join(map(plain, titles))}: {plain(answer)}"
        for (peer, answer), titles in answers.items()
    ]
    return "\n".join([_table(head, rows, caption), *(["", "Not covered:", "", *lines] if lines else [])])


def _surfaces(measured: Mapping[str, Any]) -> str:
    rows = []
    for found in _of_theme(measured, "lines", "planes", "pooling"):
        for ours in found["ours"]:
            (peer,) = found["peers"]
            times = [_duration(min(found["seconds"][name])) for name in (peer, ours)]
            rows.append(
                [found["theme"], plain(found["title"]), plain(ours), *times, _ratio(compare(found, peer, ours))]
            )
    head = ["what", "of what", "variant", "plain", "ours", "times faster"]
    return _table(head, rows, f"Lines, planes and pooling on {_machine(measured)}: median (least) of the rounds")


def _distillation(measured: Mapping[str, Any]) -> str:
    rows, title = [], ""
    for found in _of_theme(measured, "distillation"):
        title = f", {plain(found['title'])}"
        for method in found["ours"]:
            floor = found["macs"][method] / found["macs"][PRODUCT] * min(found["seconds"][PRODUCT])
            spent = min(found["seconds"][method])
            cells = [_power(found["macs"][method]), _duration(floor), _duration(spent)]
            rows.append([method.upper(), *cells, f"{100 * share_of_product(found, method):.0f} %"])
    head = ["method", "multiply-accumulates", "floor", "measured", "of the floor's rate"]
    return _table(head, rows, f"Distillation on {_machine(measured)}{title}")


def losses(measured: Mapping[str, Any]) -> str:
    """Say where a peer is faster: by the median over the rounds, no variant of ours that does the same keeps up."""
    lines = [
        f"- {plain(found['title'])}: {plain(peer)} is {_number(1 / statistics.median(found_ratios))} times as fast as "
        f"{plain(ours)} (median; {_number(1 / max(found_ratios))} to {_number(1 / min(found_ratios))} over the rounds)"
        for found, ours, peer, found_ratios in list_pairs(measured)
        if statistics.median(found_ratios) < 1
    ]
    where = f"On {_machine(measured)}{_half_rate(measured)}"
    if not lines:
        return f"{where}, no peer was faster by the median over the rounds."
    return "\n".join([f"{where}, these were faster than ours:", "", *lines])


def _half_rate(measured: Mapping[str, Any]) -> str:
    """Say how many times as fast the machine's bf16 matrix product is, which decides what half precision can gain."""
    ratios = [
        ratio
        for found in measured["comparisons"]
        if {PRODUCT, HALF_PRODUCT} <= set(found["seconds"])
        for ratio in compare(found, PRODUCT, HALF_PRODUCT)
    ]
    if not ratios:
        return ""
    return f", where a matrix product in bf16 is {_number(statistics.median(ratios))} times as fast as one in fp32"


def costs(measured: Mapping[str, Any]) -> str:
    """Write the table of what every figure takes at every scale."""
    fastest = best_rate(measured)
    rows = []
    for row in measured[COSTS]:
        work = row["macs"]
        cells = ["data not here", "–"] if work is None else [_power(work), _duration(work / fastest)]
        spent = "–" if row["seconds"] is None else f"{_duration(row['seconds'])} on {plain(', '.join(row['devices']))}"
        rows.append([f"`{row['figure']}`", f"`{row['page']}`", row["scale"], *cells, spent])
    head = ["figure", "page", "scale", "multiply-accumulates", "floor", "measured"]
    floor = f"{_number(fastest / 1e9)} billion a second, {_machine(measured)}"
    return _table(head, rows, f"All work behind each figure; floor: at {floor}")


def _origin(measured: Mapping[str, Any]) -> str:
    """Say where a run's numbers come from."""
    about = measured["about"]
    commit = (about["commit"] or "an unknown commit")[:12] + (", with changes" if about["dirty"] else "")
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"Measured on {about['began'][:10]} in {_duration(about['seconds'])}: {_machine(measured)} of {about['cores']} "
        f"cores; commit {plain(commit)}; {plain(versions)}."
    )


def _picture(measured: Mapping[str, Any]) -> str:
    """Draw how many times faster ours is than each peer, as HTML."""
    from ..common.style import NARROW, WIDTH
    from .figures import speed

    rows = [
        {"what": f"{found['title']}: {ours} against {peer}" if len(found["ours"]) > 1 else f"{found['title']}: {peer}",
         "theme": found["theme"], "median": statistics.median(times), "least": min(times), "greatest": max(times)}
        for found, ours, peer, times in list_pairs(measured)
    ]  # fmt: skip
    foot = f"{name_machine(measured)} · bars: least to greatest of the rounds"
    wide, narrow = (svg(speed(rows, foot, width)) for width in (WIDTH, NARROW))
    alt = "Times faster than each peer, on a logarithmic axis: medians, and bars from the least to the greatest round"
    lead, rest = "Every comparison is a row.", "Right of the dotted line ours is faster."
    caption = Markup(f"<strong>{lead}</strong> {rest}", f"{lead} {rest}")
    drawn = Picture(wide, alt, round(96 * WIDTH), caption, narrow)._repr_html_()
    return f"```{{raw}} html\n{drawn}\n```"


PARTS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "origin": _origin,
    "figure": _picture,
    "fastest": fastest,
    "training": training,
    "hessian": hessian,
    "surfaces": _surfaces,
    "distillation": _distillation,
    "losses": losses,
    "costs": costs,
}


def parts(root: Path) -> dict[str, str]:
    """Write the generated parts of the page from the runs kept with the sources.

    Raises:
        InputError: One of them cannot be read.
    """
    measured = load(root / MEASURED)
    others = [_other_machine(file, load(file)) for file in sorted((root / ELSEWHERE).glob("*.json"))]
    return {name: write(measured) for name, write in PARTS.items()} | {"elsewhere": "\n\n".join(others)}


def _other_machine(file: Path, measured: Mapping[str, Any]) -> str:
    """Write what another machine found: where others are faster there, and its training steps."""
    table = ["::::{dropdown} The table of training steps", training(measured), "::::"]
    kept = f"{_origin(measured)} Kept as `{ELSEWHERE}/{file.name}`."
    return "\n".join([losses(measured), "", fastest(measured), "", kept, "", *table])


def text(measured: Mapping[str, Any]) -> str:
    """Write a run for a terminal: every ratio, every rate, every refusal."""
    lines = [_origin(measured).replace("\\", "")]
    for found in measured["comparisons"]:
        lines.append(f"\n{found['theme']}: {found['title']}")
        for name, seconds in found["seconds"].items():
            of = (
                f", {100 * share_of_product(found, name):.0f} % of a matrix product's rate"
                if _is_counted(found, name)
                else ""
            )
            lines.append(f"  {name}: {_duration(min(seconds))}{of}")
        for _, ours, peer, times in list_pairs({"comparisons": [found]}):
            lines.append(f"  {ours} against {peer}: {_ratio(times)}")
        lines += [f"  {peer}: {answer}" for peer, answer in found["refused"].items()]
    for row in measured[COSTS]:
        work = "unknown" if row["macs"] is None else f"{row['macs']:.2g} multiply-accumulates"
        spent = "" if row["seconds"] is None else f", {_duration(row['seconds'])} on {', '.join(row['devices'])}"
        lines.append(f"{row['figure']} ({row['page']}), {row['scale']}: {work}{spent}")
    return "\n".join(lines)


def _is_counted(found: Comparison, name: str) -> bool:
    """Whether a variant's work was counted, so that it has a share of the matrix product's rate."""
    return name in found["macs"] and PRODUCT in found["seconds"] and not name.startswith(PRODUCT)


def agreement(new: Mapping[str, Any], kept: Mapping[str, Any]) -> list[str]:
    """Write of every ratio in both runs whether it lies within the spread of the kept one."""
    lines = []
    for (found, ours, peer, ratios), before, verdict in hold(new, kept):
        spread = f"{_number(min(before))}× to {_number(max(before))}×"
        lines.append(f"{verdict} {spread}: {_ratio(ratios)} {found['title']}: {ours} against {peer}")
    return lines
