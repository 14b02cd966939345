"""What a page says of its claims: the three lines at its top, and the table of the claims that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .. import display
from ..display import Markup, Table
from ..judging.claims import OURS, Claim
from ..judging.judgement import Judgement, write_doubts
from ..judging.verdicts import CONTRADICTED, NOT_RUN, REPRODUCED, Finding, write_finding
from .evidence import SUBMITTED, TITLES

MARKS = {REPRODUCED: "✓", CONTRADICTED: "✗"}
UNSURE, NOTHING = "?", "Nothing has been recorded yet."


def mark(found: Finding) -> Markup:
    """Show whether a setting bears a claim out, with its number."""
    sign = MARKS.get(found.verdict, UNSURE)
    said = {"✓": "holds", "✗": "does not hold"}.get(sign, "open")
    text = write_finding(found)
    html = f'<span class="sign" role="img" aria-label="{said}:">{sign}</span> {display.bound(text)}'
    return Markup(f'<span class="setting">{html}</span>', f"{sign} {text}")


def here(found: Judgement | None, settings: bool = True) -> Markup:
    """Show the best evidence on a claim, a mark for each setting.

    Args:
        found: The recorded judgement.
        settings: Add what was judged beside and turns no verdict, behind a click.
    """
    if found is None or found.verdict == NOT_RUN:
        return Markup(NOTHING, NOTHING)
    marks = [mark(item) for item in found.primary if item.n]
    doubts = write_doubts(found.as_json())
    html = "".join(item.html for item in marks)
    if doubts:
        rows = "<br>".join(map(escape, doubts))
        html += f"<details><summary>{_count_doubts(len(found.standing.failed), len(doubts))}</summary>{rows}</details>"
    others = [item for item in found.findings if not item.primary and item.n]
    if settings and others:
        beside = "".join(mark(item).html for item in others)
        html += f"<details><summary>Other settings</summary>{beside}</details>"
    return Markup(html, "; ".join([*map(str, marks), *doubts]))


def _count_doubts(failed: int, doubts: int) -> str:
    """Say how many of a claim's preconditions stand against testing it here."""
    if not failed:
        return f"{doubts} {'precondition' if doubts == 1 else 'preconditions'} may not hold here"
    return "1 precondition does not hold here" if failed == 1 else f"{failed} preconditions do not hold here"


def verdict(found: Judgement | None) -> Markup:
    """Show a verdict with the scale, the data and the number of initialisations that it rests on."""
    if found is None or found.verdict == NOT_RUN:
        return display.verdict(NOT_RUN)
    word = display.verdict(found.verdict, found.word)
    scale = [] if found.scale in found.word else [f"{found.scale} scale"]
    about = ", ".join([*scale, f"n = {found.n}", *([] if found.own else [f"on {found.on}"])])
    return Markup(f'{word.html} <span class="scale">{display.bound(about)}</span>', f"{word} ({about})")


def lines(claim: Claim, found: Judgement | None, regime: Sequence[str], of: str = "") -> Markup:
    """Answer a page's first question in three lines: what the paper says, what we find, what follows.

    Args:
        claim: The page's main claim.
        found: Its recorded judgement.
        regime: What was trained on what, in a few words each.
        of: What the numbers are, where the settings do not say it.
    """
    asks = "Claim" if claim.ours else "Paper"
    told = here(found, settings=False)
    if of and found is not None and found.verdict != NOT_RUN:
        told = Markup(f'<span class="scale">{escape(of)}:</span><br>{told.html}', f"{of}: {told}")
    answers = [(asks, Markup(escape(claim.statement), claim.statement)), ("Here", told)]
    answers.append(("Verdict", verdict(found)))
    rows = "".join(f"<dt>{term}</dt><dd>{content.html}</dd>" for term, content in answers)
    html = f'<p class="regime">{escape(" · ".join(regime))}</p>' if regime else ""
    text = "\n".join([" · ".join(regime), *(f"{term}: {content}" for term, content in answers)])
    return Markup(f'<div class="answer">{html}<dl>{rows}</dl></div>', text)


def table(claims: Sequence[Claim], recorded: dict[str, Judgement], run: dict[str, Judgement]) -> Table:
    """Set what is claimed beside the best evidence, a row for each claim, with its rule behind a click.

    Args:
        claims: The claims.
        recorded: Claim to its judgement on recorded results.
        run: Claim to its judgement on this run.
    """
    rows = []
    for claim in claims:
        found, own = recorded.get(claim.id), run.get(claim.id)
        badge = verdict(found)
        if own is not None and own.verdict != NOT_RUN:
            differs = "" if found is not None and own.verdict == found.verdict else "≠ "
            small = f'<br><span class="scale">{differs}this run: {escape(own.verdict)}</span>'
            badge = Markup(badge.html + small, f"{badge}; this run: {own.verdict}")
        rows.append([_stated(claim), Markup(escape(claim.paper_value or "–"), claim.paper_value), here(found), badge])
    ours = bool(claims) and all(claim.paper == OURS for claim in claims)
    return Table(["Claim", "Paper", "Here", "Verdict"], rows, kind="ledger", caption="Our claims" if ours else "")


def _stated(claim: Claim) -> Markup:
    """State a claim, with its place and its rule."""
    where = claim.where if claim.ours else f"{TITLES.get(claim.paper, SUBMITTED)}, {claim.where}"
    place = f'<span class="where">{escape(where)}</span>'
    rule = display.fold("How it is judged", f"<p>{escape(claim.rule)}</p>") if claim.rule else ""
    return Markup(escape(claim.statement) + place + rule, f"{claim.statement} ({where})")
