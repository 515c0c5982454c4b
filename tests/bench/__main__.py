"""`make bench`: measures, prints the report, and keeps it as Markdown and JSON.

Ends with 1 if what was promised does not hold, or with `--gate` if a demand was not met.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import report
from tests.bench.load import Unexpected
from tests.bench.measure import Options, Results, measure

OK, WRONG = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    options = Options(
        seconds=1 if asked.quick else asked.seconds,
        rounds=1 if asked.quick else asked.rounds,
        with_sections=asked.profile,
        folder=asked.folder,
    )
    try:
        results = measure(options)
    except Unexpected as unexpected:
        print(f"A request was not answered as it must be: {unexpected}", file=sys.stderr)
        return WRONG
    told = report.as_markdown(results)
    print(told, end="")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "bench.md").write_text(told)
    (asked.out / "bench.json").write_text(report.as_json(results))
    print(f"\nKept in {asked.out}/bench.md and bench.json.")
    return verdict(results, gate=asked.gate)


def verdict(results: Results, *, gate: bool) -> int:
    """What the program ends with."""
    is_broken = bool(results.checked.findings)
    is_missed = gate and any(one.is_met is False for one in report.gates(results))
    return WRONG if is_broken or is_missed else OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measures what a step of Alur costs.")
    parser.add_argument("--seconds", type=float, default=5, help="how long each thing is measured in each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured, in turn")
    parser.add_argument("--quick", action="store_true", help="one round of one second: to see that it works")
    parser.add_argument("--profile", action="store_true", help="also tell where a step's time goes")
    parser.add_argument("--gate", action="store_true", help="end with 1 if a demand is not met")
    parser.add_argument("--folder", type=Path, help="where PostgreSQL's temporary folder is made (which disk)")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the report is kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
