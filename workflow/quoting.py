"""Snakemake's executors write the path of Python into lines for a shell as it is, where a blank would cut it in two.

The Snakefile is read by every process of a run, on the cluster's machines too, so it has this mended in each.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import shlex

HOMES = {  # module to its class that names the interpreter
    "snakemake_interface_executor_plugins.executors.remote": "RemoteExecutor",
    "snakemake_executor_plugin_slurm_jobstep": "Executor",
}


def quote_interpreter() -> None:
    """Have every executor that is installed quote the interpreter's path; once is enough."""
    for module, name in HOMES.items():
        if importlib.util.find_spec(module.partition(".")[0]) is None:
            continue
        executor = getattr(importlib.import_module(module), name)
        named = executor.get_python_executable
        if not hasattr(named, "__wrapped__"):
            executor.get_python_executable = _quoted(named)


def _quoted(named):  # the executors' own classes are untyped here
    @functools.wraps(named)
    def quoted(self):
        return shlex.quote(named(self))

    return quoted
