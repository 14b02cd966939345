"""Examples that ``--help`` shows, by command; each is one that works."""

from __future__ import annotations

from .exits import MEANING

EXAMPLES = {
    "": """
  distilled-pruning plan s4-stability
  distilled-pruning run s4-stability -p levels 3 -p ipc 2
  distilled-pruning run all --budget 9m --jobs 2
  distilled-pruning check --json
""",
    "data": """
  distilled-pruning data list
  distilled-pruning data fetch cifar10
  distilled-pruning data verify --json
""",
    "plan": """
  distilled-pruning plan                                 # everything the book shows
  distilled-pruning plan s4-stability -f reduced         # one page at another scale
  distilled-pruning plan fig2 -p levels 3 --json         # one figure, for machines
""",
    "run": """
  distilled-pruning run s4-stability -p levels 3 -p ipc 2
  distilled-pruning run fig2 -p dataset path/to/images.npz
  distilled-pruning run all --budget 9m --jobs 2         # stops after nine minutes; the same line goes on
  distilled-pruning run s4-stability -f paper --shard 1/8 --quiet
""",
    "book": """
  distilled-pruning book
  distilled-pruning book s3-distilled-pruning s4-stability --budget 10m
  distilled-pruning book --what-if s4-stability -p ipc 1
""",
    "check": """
  distilled-pruning check                                # every claim, on this machine's results
  distilled-pruning check s4-stability --json
  distilled-pruning check --recorded                     # on the results kept with the sources
""",
    "record": """
  distilled-pruning record s4-stability -f reduced
  distilled-pruning record s4-stability -f paper --partial
""",
    "describe": """
  distilled-pruning describe                             # after a merge of recorded results; record does it itself
""",
    "repeat": """
  distilled-pruning repeat barriers -f reduced -p methods dense
  distilled-pruning repeat fig2 -f reduced -p seeds 1 --json
""",
    "status": """
  distilled-pruning status
  distilled-pruning status s4-stability --json
""",
    "verify": """
  distilled-pruning verify
  distilled-pruning verify --store path/to/store --json
""",
    "gc": """
  distilled-pruning gc                                   # what dead processes left
  distilled-pruning gc s4-stability --dry-run            # and what this page does not need
""",
    "bench": """
  distilled-pruning bench
  distilled-pruning bench hessian lines --rounds 3 --json
""",
}
_ENVIRONMENT = """
environment:
  DISTILLED_PRUNING_STORE  folder of results, in place of .store
  DISTILLED_PRUNING_DATA   folder of datasets, in place of data
  NO_COLOR                 no colours on a terminal either
"""
_COMPLETION = """
completion of commands, pages, figures, parameters and presets, in bash or zsh:
  eval "$(register-python-argcomplete distilled-pruning)"
"""


def epilog(command: str = "") -> str:
    """Write what stands below the options of a command, by default of the program itself."""
    more = _ENVIRONMENT + _COMPLETION if not command else ""
    return f"examples:\n{EXAMPLES[command].strip(chr(10))}\n\n{MEANING}{more}"
