"""Exit codes, the same for every command."""

from __future__ import annotations

DONE, FAILED, WRONG, STOPPED = 0, 1, 2, 3
INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell reports SIGINT and SIGPIPE
MEANING = """exit codes:
  0    done
  1    a job failed, a claim does not hold as expected, or a result is damaged or missing
  2    wrong input: one sentence says what would be right, and nothing was done
  3    stopped by a signal, by --budget or by your "no": work is left, and the same command goes on
  130  stopped at once by a second signal
"""
