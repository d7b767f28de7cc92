"""The chart that the READMEs show: plain SVG, light and dark."""

from html import escape
from pathlib import Path

from .results import Run
from .tables import number
from .targets import TARGETS
from .workloads import WORKLOADS

PANELS = ("W1b", "W1a", "W3", "W4c")
WIDTH, LEFT, RIGHT = 860, 190, 150
BAR, STEP, HEAD, GAP = 16, 23, 34, 18
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .head { font-weight: 600; } .small { font-size: 11.5px; fill: #57606a; }
  .bar { fill: #8c959f; } .own { fill: #1a7f64; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; } .bar { fill: #656c76; } .own { fill: #3fb68b; }
  }
"""


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{kind} text-anchor="{anchor}">{escape(words)}</text>'


def _bar(run: Run, workload: str, target: str, y: float, longest: float) -> list[str]:
    rate = run.figure(workload, target, "deliveries_per_second") or 0.0
    cost = run.figure(workload, target, "us_per_delivery") or 0.0
    width = max(1.0, (WIDTH - LEFT - RIGHT) * rate / longest)
    own = target == "hubbub"
    kind = "own" if own else "bar"
    return [
        _text(LEFT - 8, y + BAR - 3, TARGETS[target].title, "head" if own else "", "end"),
        f'<rect x="{LEFT}" y="{y:.0f}" width="{width:.1f}" height="{BAR}" rx="2" class="{kind}"/>',
        _text(LEFT + width + 6, y + BAR - 3, f"{number(rate)}/s · {number(cost)} µs", "small"),
    ]


def draw(run: Run) -> str:
    """Deliveries a second as bars, the cost of one beside each; one panel a workload, fastest first."""
    lines: list[str] = []
    y = 24.0
    lines.append(_text(0, y, "Deliveries a second on one core, and server CPU per delivery", "head"))
    for workload in PANELS:
        rates = {
            target: rate
            for target in run.targets_of([workload])
            if target in TARGETS and (rate := run.figure(workload, target, "deliveries_per_second"))
        }
        if not rates:
            continue
        y += HEAD
        lines.append(_text(0, y, f"{workload}: {WORKLOADS[workload].title}", "small"))
        y += 10
        for target in sorted(rates, key=lambda name: -rates[name]):
            lines += _bar(run, workload, target, y, max(rates.values()))
            y += STEP
        y -= GAP - BAR
    body = "\n".join(lines)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 6:.0f}" role="img"'
    return f'{head} aria-label="Benchmark results">\n<style>{STYLE}</style>\n{body}\n</svg>\n'


def save(run: Run, path: Path) -> None:
    path.write_text(draw(run))
