"""The command ``distilled-pruning``.

Exit codes are those of :mod:`.exits`. A user's mistake is one sentence on standard error; with ``--json`` standard
output holds JSON only. Each command imports what it needs, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import __version__
from .errors import InputError, quote
from .exits import BROKEN_PIPE, FAILED, INTERRUPTED, STOPPED, WRONG
from .signals import ENDING, Terminated, handling, tell, terminate
from .usage import epilog

_ASKED = "_ARGCOMPLETE"  # a shell that completes a word sets it
_PRESET = "a scale (reduced, paper), a variant of one (reduced/resnet18), or a YAML file of parameters"
_DEVICE = "auto, cpu, cuda or cuda:N"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[Any]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the usage text."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(WRONG, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _seconds(text: str) -> float:
    """Read a duration: a number with ``s``, ``m`` or ``h``, seconds by default."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"a duration reads 90s, 9m or 2h, not {text!r}")
    return value


def _count(text: str) -> int:
    """Read a number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1 is needed, not {text!r}")
    return int(text)


def _folder(text: str) -> str:
    """Read the name of a folder; a variable that the shell does not know is no name."""
    if not text.strip():
        raise argparse.ArgumentTypeError("name a folder, or leave --store out")
    return text


def _shard(text: str) -> tuple[int, int]:
    """Read a shard ``i/n``."""
    number, _, total = text.partition("/")
    if not (number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total)):
        raise argparse.ArgumentTypeError(f"a shard reads i/n with i from 1 to n, as 1/4, not {text!r}")
    return int(number), int(total)


def parser() -> Parser:
    """Build the command line."""
    root = Parser("distilled-pruning", epilog=epilog(), formatter_class=argparse.RawDescriptionHelpFormatter)
    root.description = (
        "Reproduce two papers on distilled pruning: train what is missing, judge the claims, build the book."
    )
    root.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    root.add_argument(
        "--plugins", metavar="MODULES", help="modules of your own that add to the house (DISTILLED_PRUNING_PLUGINS)"
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _add_computing(commands)
    _add_judging(commands)
    _add_keeping(commands)
    return root


def _add(commands: Commands, name: str, text: str, json: str = "print JSON") -> Parser:
    """Add a command that can be quiet and, unless its text is empty, print JSON."""
    made: Parser = commands.add_parser(name, help=text, description=text[:1].upper() + text[1:] + ".")
    made.epilog, made.formatter_class = epilog(name), argparse.RawDescriptionHelpFormatter
    made.add_argument("-q", "--quiet", action="store_true", help="say nothing of progress, only what is wrong")
    if json:
        made.add_argument("--json", action="store_true", help=json)
    return made


def _add_computing(commands: Commands) -> None:
    data = _add(commands, "data", "list datasets, fetch them, or verify what is on this machine")
    data.add_argument("action", choices=("list", "fetch", "verify"), help="what to do")
    names = "datasets; without any, all are listed or verified"
    data.add_argument("names", nargs="*", default=[], metavar="DATASET", help=names)

    every_job = "list every missing job with its command, as JSON"
    _add_targets(_add(commands, "plan", "say what a run would compute and what it would take", json=every_job))

    outcome = "print JSON: what was done, failed and is left"
    run = _add(commands, "run", "compute what is missing; interrupt at will, it continues", json=outcome)
    _add_targets(run)
    _add_effort(run)
    run.add_argument("--shard", type=_shard, metavar="i/n", help="do only one of n equal parts of the work")

    text = "render the book at once, compute what its pages lack, render it again as they fill"
    book = _add(commands, "book", text, json="")
    pages = "pages to compute and show; all of them by default"
    book.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=pages)
    book.add_argument("--what-if", metavar="NOTEBOOK", help="show this page once more, beside itself, changed by -p")
    _add_parameters(book)
    _add_effort(book)
    book.add_argument("--device", default="auto", help=_DEVICE)


def _add_judging(commands: Commands) -> None:
    check = _add(
        commands, "check", "judge the claims on what the store holds; trains nothing", json="print the ledger as JSON"
    )
    _add_targets(check)
    check.add_argument("--recorded", action="store_true", help="judge the recorded results instead")
    check.add_argument("--accept", action="store_true", help="expect from now on what is found; the tests hold it")

    record = _add(commands, "record", "keep results of reduced or paper scale with the sources")
    _add_targets(record)
    record.add_argument("--partial", action="store_true", help="record what there is, though results are missing")

    _add(commands, "describe", "write RO-Crate, CODECHECK manifest and the README's picture from what is recorded")

    text = "do recorded work again from nothing, and hold the numbers against the recorded intervals"
    repeat = _add(commands, "repeat", text)
    _add_targets(repeat, ".again")
    _add_effort(repeat)


def _add_keeping(commands: Commands) -> None:
    _add_targets(_add(commands, "status", "say what the store holds, and for which figures"))
    _add_store(
        _add(commands, "verify", "compare every result with its checksums; damaged ones are moved aside"), ".store"
    )

    text = "remove what dead processes left; with targets, also all results that these do not need, if you agree"
    gc = _add(commands, "gc", text)
    _add_targets(gc)
    gc.add_argument("--yes", action="store_true", help="do not ask before results are removed")
    damaged = "remove what was damaged and moved aside too, if you agree"
    gc.add_argument("--quarantine", action="store_true", help=damaged)
    gc.add_argument("--dry-run", action="store_true", help="only say what would go")

    text = "measure how fast this machine trains, or everything that the page on speed shows"
    bench = _add(commands, "bench", text)
    themes = (
        "training, hessian, lines, planes, distillation, pooling (each beside its peers) or costs (of every "
        "figure); by default a training of the live scale alone"
    )
    bench.add_argument("themes", nargs="*", metavar="THEME", help=themes)
    bench.add_argument("--all", action="store_true", help="all themes, in about ten minutes")
    rounds = "turns that each takes, in up to three passes over all; by default 6"
    bench.add_argument("--rounds", type=_count, metavar="N", help=rounds)
    bench.add_argument("--against", metavar="FILE", help="hold the ratios against those of a run kept with --json")
    bench.add_argument("--device", default="auto", help=_DEVICE)
    _add_store(bench, ".store")


def _add_store(command: Parser, usual: str) -> None:
    text = f"folder of results; by default {usual} in this copy of the book"
    command.add_argument("--store", type=_folder, metavar="DIR", help=text)


def _add_targets(command: Parser, usual: str = ".store") -> None:
    """Add the arguments that say what to work on, with which parameters, where."""
    text = "what to work on, a NOTEBOOK:KEY too; all by default"
    command.add_argument("targets", nargs="*", metavar="NOTEBOOK|FIGURE|KEY", help=text)
    _add_parameters(command)
    command.add_argument("--device", help=_DEVICE)
    _add_store(command, usual)


def _add_parameters(command: Parser) -> None:
    pair = ("NAME", "VALUE")
    command.add_argument(
        "-p", nargs=2, action="append", default=[], dest="pairs", metavar=pair, help="change a parameter"
    )
    command.add_argument("-f", "--file", metavar="FILE", help=_PRESET)


def _add_effort(command: Parser) -> None:
    text = "jobs side by side; by default one a core, or one a GPU"
    command.add_argument("--jobs", type=_count, metavar="N", help=text)
    command.add_argument("--budget", type=_seconds, metavar="TIME", help="stop cleanly after so long, as 90s, 9m or 2h")


def _handlers() -> dict[str, Callable[[argparse.Namespace], int]]:
    """Give the functions that do the commands."""
    from .study.commands import computing, datasets, keeping

    compute = (computing.plan, computing.run, computing.book, computing.check, computing.repeat, computing.bench)
    keep = (keeping.record, keeping.describe, keeping.status, keeping.verify, keeping.gc)
    return {function.__name__: function for function in (datasets.data, *compute, *keep)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and give the exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal need not know every letter
    words = parser()
    if _ASKED in os.environ:
        from .completion import complete

        complete(words)
    parsed = words.parse_args(arguments)
    parsed.results = sys.stdout
    aside = contextlib.redirect_stdout(sys.stderr) if getattr(parsed, "json", False) else contextlib.nullcontext()
    code = BROKEN_PIPE
    try:
        _check_folder()
        with aside, handling(ENDING, terminate):  # what other people's code prints is no JSON
            _add_plugins(parsed.plugins)
            code = _handlers()[parsed.command](parsed)
            parsed.results.flush()
    except InputError as error:
        print(f"distilled-pruning: {error}", file=sys.stderr)
        return WRONG
    except Terminated:
        tell("distilled-pruning: stopped by a signal; the same command continues")
        return STOPPED
    except KeyboardInterrupt:
        print("distilled-pruning: stopped; the same command continues", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        where = quote(error.filename) if error.filename else "standard output" if _is_full() else "a file"
        print(f"distilled-pruning: {where} cannot be used ({error.strerror or error})", file=sys.stderr)
        return FAILED
    return code


def _add_plugins(names: str | None) -> None:
    """Import the modules that the command or the environment names."""
    from . import plugins

    if names is not None:
        plugins.use(names)
    plugins.load()


def _is_full() -> bool:
    """Say whether standard output takes no more, as on a full disk; what is left for it is dropped."""
    try:
        print(flush=True)  # where Python keeps nothing back, only another write tells
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _check_folder() -> None:
    """Make sure there is a working directory."""
    try:
        Path.cwd()
    except OSError as error:
        raise InputError(f"the working directory cannot be used ({error.strerror}): change to another") from error
