"""Tables and plots of what was measured."""

import re
import statistics
from pathlib import Path

import plot

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"


def middle(runs: list[dict], figure: str) -> float:
    return statistics.median(run[figure] for run in runs)


def total(run: dict) -> float:
    """The gateway's CPU, and that of the service it needs to verify at all."""
    return run["cpu"] + run["helper"]


def row(system: str, runs: list[dict], nginx: float | None, bare: float | None) -> str:
    """One line of a table."""
    cpu = sorted(total(run) for run in runs)
    median = statistics.median(cpu)
    own = f" ({middle(runs, 'cpu'):.1f} its own)" if middle(runs, "helper") > 0 else ""
    ratio = lambda base: f"{median / base:.2f}" if base else ""
    return (f"| {system} | {median:.1f} ({cpu[0]:.1f}–{cpu[-1]:.1f}){own} | {ratio(nginx)} | {ratio(bare)} "
            f"| {middle(runs, 'rate'):,.0f} | {middle(runs, 'p50'):.2f} | {middle(runs, 'p99'):.2f} | {middle(runs, 'mib'):.0f} |")


def base_of(results: dict, workload: str) -> str:
    """The workload that shows what forwarding alone costs in the same way."""
    if workload.startswith("HTTP/2"):
        return "HTTP/2 over TLS, no auth"
    return workload if workload.endswith("answers") else "no auth"


def text(results: dict, memory: dict) -> str:
    """The whole report in Markdown."""
    parts = []
    for workload, systems in results.items():
        base = results.get(base_of(results, workload), {})
        median = lambda system: statistics.median(map(total, base[system])) if base.get(system) else None
        nginx, bare = median("nginx"), median("bare")
        parts += [f"\n### {workload[0].upper()}{workload[1:]}\n",
                  "| system | CPU µs for a request (least–most) | × bare nginx | × bare Pingora | requests/s | p50 ms | p99 ms | MiB |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        parts += [row(system, runs, nginx, bare) for system, runs in sorted(
            systems.items(), key=lambda item: statistics.median(map(total, item[1])))]
    if memory:
        parts += ["\n### 5,000 idle connections\n", "| system | MiB before | MiB with them | KiB for each |", "| --- | --- | --- | --- |"]
        parts += [f"| {system} | {found['before']:.1f} | {found['after']:.1f} | {found['kib']:.1f} |"
                  for system, found in sorted(memory.items(), key=lambda item: item[1]["kib"])]
    return "\n".join(parts) + "\n"


def write(docs: Path, results: dict, memory: dict) -> None:
    """Puts the report where its marks stand, with a plot of CPU for each workload."""
    pictures = docs / "performance"
    pictures.mkdir(exist_ok=True)
    pictures.joinpath("peers.svg").write_text(plot.bars(
        "CPU µs for a request (median; whiskers: least and most)",
        {workload: {system: sorted(map(total, runs)) for system, runs in systems.items()} for workload, systems in results.items()}))
    page = docs / "performance.md"
    body = f"{BEGIN}\n![CPU for a request](performance/peers.svg)\n{text(results, memory)}{END}"
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: body, page.read_text(), flags=re.DOTALL))
