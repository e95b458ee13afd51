"""Plots as SVG, of nothing but text."""

from html import escape
from math import log10

COLOURS = {"portcullis": "#0b6e4f", "portcullis, profiled": "#0b6e4f", "bare": "#8fb8a8", "nginx": "#5b6c8f"}
OTHERS = "#b9bfc9"
STYLE = "font-family: system-ui, sans-serif; font-size: 12px"


def _text(x: float, y: float, words: str, anchor: str = "start", extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'


def bars(title: str, groups: dict[str, dict[str, list[float]]]) -> str:
    """A group of horizontal bars for each workload: the median, and a line from the least to the most."""
    left, width, height = 170, 560, 14
    parts, y = [_text(10, 20, title, extra='font-weight="bold"')], 40
    for name, systems in groups.items():
        if not systems:
            continue
        most = max(values[-1] for values in systems.values())
        parts.append(_text(10, y + 12, name, extra='font-weight="600"'))
        y += 20
        for system, values in sorted(systems.items(), key=lambda item: item[1][len(item[1]) // 2]):
            median, scale = values[len(values) // 2], width / most
            colour = COLOURS.get(system, OTHERS)
            parts += [
                _text(left - 8, y + 11, system, "end"),
                f'<rect x="{left}" y="{y}" width="{median * scale:.1f}" height="{height}" fill="{colour}"/>',
                f'<path d="M{left + values[0] * scale:.1f} {y + height / 2} H{left + values[-1] * scale:.1f}" stroke="#222"/>',
                _text(left + values[-1] * scale + 6, y + 11, f"{median:.1f}"),
            ]
            y += height + 4
        y += 12
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 820 {y}" style="{STYLE}">\n' + "\n".join(parts) + "\n</svg>\n"


def lines(title: str, unit: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """A line for each series over a logarithmic axis."""
    left, top, width, height = 60, 50, 620, 300
    xs = [x for points in series.values() for x, _ in points]
    most = 1.15 * max(y for points in series.values() for _, y in points)
    low, high = log10(min(xs)), log10(max(xs))
    place = lambda x, y: (left + (log10(x) - low) / (high - low) * width, top + height - y / most * height)
    palette = ["#0b6e4f", "#b3541e", "#5b6c8f", "#8a4fa3", "#a08a1a", "#333333"]
    parts = [_text(10, 20, title, extra='font-weight="bold"'), _text(left, top - 10, unit)]
    for step in range(5):
        y = most / 4 * step
        parts += [f'<path d="M{left} {place(min(xs), y)[1]:.1f} h{width}" stroke="#ddd"/>',
                  _text(left - 6, place(min(xs), y)[1] + 4, f"{y:.0f}", "end")]
    for power in range(round(low), round(high) + 1):
        parts.append(_text(place(10 ** power, 0)[0], top + height + 18, f"{10 ** power:,}", "middle"))
    for colour, (name, points) in zip(palette, series.items()):
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))
        end_x, end_y = place(*points[-1])
        parts += [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
                  _text(end_x + 6, end_y + 4, name, extra=f'fill="{colour}"')]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 {top + height + 40}" style="{STYLE}">\n'
            + "\n".join(parts) + "\n</svg>\n")
