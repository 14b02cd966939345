"""Fail when a test was skipped for a reason that is not on this short list."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree

ALLOWED = (
    r"CUDA",  # there is no GPU here
    r"CIFAR|no real data|no published sets",  # third parties' images are not part of the repository
)


def main(report: str) -> int:
    """Print what was skipped, and give 1 if anything else than the allowed was, or nothing ran."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    unexpected = 0
    for case in cases:
        for skipped in case.iter("skipped"):
            reason = skipped.get("message", "")
            allowed = any(re.search(pattern, reason) for pattern in ALLOWED)
            unexpected += not allowed
            mark = "skipped" if allowed else "SKIPPED WITHOUT LEAVE"
            print(f"{mark}: {case.get('classname')}.{case.get('name')}: {reason}")
    print(f"{len(cases)} tests in {report}, {unexpected} skipped without leave")
    return 1 if unexpected or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
