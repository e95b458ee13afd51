"""Tables and plots of what was measured, and whether it is what was promised."""

import re
import statistics
from pathlib import Path

import plot

BEGIN, END = "<!-- peers: begin -->", "<!-- peers: end -->"
Runs = list[dict | None]


def total(run: dict) -> float:
    """The gateway's CPU, and that of the service without which it could not verify."""
    return run["cpu"] + run["helper"]


def reference(name: str, runs: dict[str, Runs]) -> Runs:
    """The runs of a system that only forwards, in the same rounds."""
    return runs.get(f"{name}, no auth") or runs.get(name) or []


def ratio(one: Runs, other: Runs, cost=total) -> float | None:
    """The median of what one cost over what the other did, round by round."""
    pairs = [cost(left) / cost(right) for left, right in zip(one, other) if left and right]
    return statistics.median(pairs) if pairs else None


def said(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)


def row(system: str, runs: dict[str, Runs]) -> str:
    """One line of a table."""
    good = [run for run in runs[system] if run]
    if not good:
        return f"| {system} | void |  |  |  |  |  |  |"
    middle = lambda figure: statistics.median(run[figure] for run in good)
    cpu = sorted(map(total, good))
    own = f" (its own: {middle('cpu'):.1f})" if middle("helper") > 0 else ""
    ratios = [said(ratio(runs[system], reference(name, runs))) for name in ("nginx", "bare")]
    return (f"| {system} | {statistics.median(cpu):.1f} ({cpu[0]:.1f}–{cpu[-1]:.1f}){own} | {ratios[0]} | {ratios[1]} "
            f"| {middle('rate'):,.0f} | {middle('p50'):.2f} | {middle('p99'):.2f} | {middle('mib'):.0f} |")


def median(runs: Runs) -> float:
    return statistics.median([total(run) for run in runs if run] or [float("inf")])


def table(name: str, runs: dict[str, Runs]) -> str:
    """One workload."""
    head = ["| system | CPU µs for a request (least–most) | × bare nginx | × bare Pingora | requests/s | p50 ms | p99 ms | MiB |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    rows = [row(system, runs) for system in sorted(runs, key=lambda system: median(runs[system]))]
    return "\n".join([f"\n### {name[0].upper()}{name[1:]}\n", *head, *rows])


def idle_table(idle: dict[str, dict]) -> str:
    """Memory of idle connections."""
    head = ["\n### 5,000 idle connections\n", "| system | MiB before | MiB with them | KiB for each |", "| --- | --- | --- | --- |"]
    rows = [f"| {system} | {found['before']:.1f} | {found['after']:.1f} | {found['kib']:.1f} |"
            for system, found in sorted(idle.items(), key=lambda item: item[1]["kib"])]
    return "\n".join(head + rows)


# What is promised: the workload, whom we are compared with (the best of them counts), and the most that we may cost.
BARS = [
    ("no auth", ["bare"], 1.03),
    *[(f"{algorithm}, hot", ["bare, no auth"], 1.06) for algorithm in ("HS256", "RS256", "ES256", "EdDSA")],
    ("RS256, pool", ["haproxy", "nginx auth_jwt", "envoy", "nginx auth_request"], 0.55),
    *[(f"{algorithm}, new", ["haproxy", "nginx auth_jwt", "envoy", "nginx auth_request"], 0.90)
      for algorithm in ("RS256", "ES256", "EdDSA")],
    ("HS256, new", ["haproxy"], 1.00),
    ("forward auth", ["nginx"], 1.25),
    ("forward auth", ["envoy"], 0.50),
    ("forward auth", ["caddy"], 0.50),
    ("forward auth", ["traefik"], 0.50),
    ("no auth", ["nginx"], 1.25),
    ("HTTP/2 over TLS, no auth", ["nginx"], 1.10),
]


OURS = ["portcullis, profiled", "portcullis"]


def worst(results: dict, workload: str, ours: str, others: list[str]) -> tuple[float, str] | None:
    """What one of ours costs over the best of the others."""
    runs = results.get(workload, {})
    # A service is no part of a proxy: where both ask the same one, the proxies alone are compared.
    cost = (lambda run: run["cpu"]) if workload == "forward auth" else total
    found = [(ratio(runs[ours], runs[other], cost), other) for other in others if runs.get(other) and runs.get(ours)]
    return max(((value, other) for value, other in found if value is not None), default=None)


def bar(results: dict, workload: str, others: list[str], most: float) -> str | None:
    """One line of the promises."""
    found = [worst(results, workload, ours, others) for ours in OURS]
    known = [pair for pair in found if pair]
    if not known:
        return None
    figures = " | ".join(said(pair[0] if pair else None) for pair in found)
    met = [pair is not None and pair[0] <= most for pair in found]
    verdict = "yes" if all(met) else "profiled" if met[0] else "**no**"
    return f"| {workload} | {known[0][1]} | {most:.2f} | {figures} | {verdict} |"


def bars_met(results: dict, idle: dict) -> str:
    """Every promise with what was measured."""
    lines = ["| workload | over | at most | built with a profile | built by cargo alone | met |", "| --- | --- | --- | --- | --- | --- |"]
    lines += filter(None, (bar(results, *promise) for promise in BARS))
    if "envoy" in idle and "portcullis" in idle:
        value = idle["portcullis"]["kib"] / idle["envoy"]["kib"]
        lines.append(f"| memory of an idle connection | envoy | 1.00 | | {value:.2f} | {'yes' if value <= 1 else '**no**'} |")
    return "\n".join(lines)


def write(docs: Path, found: dict) -> None:
    """Puts the report where its marks stand, with its plots beside it."""
    results, idle, scale = found["results"], found["idle"], found["scale"]
    pictures = docs / "performance"
    pictures.mkdir(exist_ok=True)
    groups = {name: {system: sorted(total(run) for run in runs if run) for system, runs in systems.items() if any(runs)}
              for name, systems in results.items()}
    pictures.joinpath("peers.svg").write_text(plot.bars("CPU µs for a request: median, least and most", groups))
    parts = [bars_met(results, idle), "\n![CPU for a request](performance/peers.svg)"]
    parts += [table(name, runs) for name, runs in results.items()]
    if idle:
        parts.append(idle_table(idle))
    if scale:
        pictures.joinpath("scale.svg").write_text(plot.lines("CPU for a request as the installation grows", "µs", scale))
        parts += ["\n### Growth\n", "![Growth](performance/scale.svg)\n", "| | CPU µs for a request |", "| --- | --- |"]
        parts += [f"| {name} | " + ", ".join(f"{size:,}: {cpu:.1f}" for size, cpu in points) + " |"
                  for name, points in scale.items()]
    page = docs / "performance.md"
    body = "\n".join([BEGIN, *parts, END])
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: body, page.read_text(), flags=re.DOTALL))
