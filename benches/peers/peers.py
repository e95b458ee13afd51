"""Measures gateways side by side: CPU for a request, requests a second, latency, memory.

One worker for each gateway on core 0; upstream and load on core 1. All systems of a workload are up at the same time and are measured
in turn, one second each, round by round; what is told are medians, and ratios of figures of the same round. Use: peers.py [--rounds N]
[--only WORDS] [--systems NAMES] [--write].
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import idle
import report
import scale
from bench import Bench, Gateway, Void
from machine import allow_many_files
from workloads import REFERENCES, Workload, workloads

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "target" / "peers"
FOUND = PLACE / "results.json"
# All that can go wrong with a run, none of which ends the others.
FAULTS = (Void, RuntimeError, OSError, subprocess.CalledProcessError)


def started(workload: Workload, systems: list[str] | None, bench: Bench) -> dict[str, Gateway]:
    """All systems of a workload at work, those with which the others are compared first."""
    plain = workload._replace(access="none", algorithm=workload.algorithm, status=200)
    asked = [(f"{name}, no auth" if workload.access != "none" else name, name, plain) for name in REFERENCES]
    asked += [(name, name, workload) for name in workload.systems]
    up: dict[str, Gateway] = {}
    for shown, name, work in asked:
        if systems and name not in systems:
            continue
        try:
            up[shown] = Gateway(name, work, bench)
            up[shown].begin()
        except FAULTS as why:
            print(f"  {shown}: {why}", file=sys.stderr)
            if shown in up:
                up.pop(shown).stop()
    return up


def measured(workload: Workload, said: argparse.Namespace, bench: Bench) -> dict[str, list[dict | None]]:
    """`{system: figures of each round}`; `None` where a round was void for a system, twice."""
    up = started(workload, said.systems, bench)
    results: dict[str, list[dict | None]] = {name: [] for name in up}
    try:
        for _ in range(said.rounds):
            for name, gateway in up.items():
                results[name].append(tried(name, gateway, said))
    finally:
        for gateway in up.values():
            gateway.stop()
    return results


def tried(name: str, gateway: Gateway, said: argparse.Namespace) -> dict | None:
    """A run that was void is made once more."""
    for _ in range(2):
        try:
            return gateway.run(said.seconds, said.foreign)
        except FAULTS as why:
            print(f"  {name}: void: {why}", file=sys.stderr)
    return None


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=1, help="of one run")
    parser.add_argument("--only", nargs="*", help="workloads whose names contain one of these; also: idle, scale")
    parser.add_argument("--systems", nargs="*", help="these systems only")
    parser.add_argument("--foreign", type=float, default=0.25, help="void runs in which others used more cores than this")
    parser.add_argument("--forget", action="store_true", help="keep nothing of what is found: a load is all that is wanted")
    parser.add_argument("--again", action="store_true", help="measure nothing, and write what was found last")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args()


def keep(found: dict, said: argparse.Namespace) -> None:
    """For `--again`, and for runs of a part."""
    if not said.forget:
        FOUND.write_text(json.dumps(found, indent=1))


def main() -> None:
    said = arguments()
    if said.again:
        report.write(ROOT / "docs", json.loads(FOUND.read_text()))
        return
    allow_many_files()
    wanted = lambda name: not said.only or any(words in name for words in said.only)
    found: dict[str, dict] = {"results": {}, "idle": {}, "scale": {}}
    if said.only and FOUND.exists():
        # What is measured again takes the place of what was found before.
        found = json.loads(FOUND.read_text())
    bench = Bench(PLACE)
    try:
        for workload in filter(lambda workload: wanted(workload.name), workloads()):
            found["results"][workload.name] = measured(workload, said, bench)
            print(report.table(workload.name, found["results"][workload.name]), flush=True)
            # A run that is cut has measured what it has measured.
            keep(found, said)
        if wanted("idle"):
            found["idle"] = idle.measured(bench, said.systems)
        if wanted("scale"):
            found["scale"] = scale.measured(bench, said.rounds)
    finally:
        bench.stop()
    keep(found, said)
    print(report.bars_met(found["results"], found["idle"]))
    if said.write:
        report.write(ROOT / "docs", found)


if __name__ == "__main__":
    main()
