"""The samples of a steady run as an SVG: memory of each worker, messages left to read, decisions' distance."""

WIDTH, PANEL, LEFT, TOP, GAP = 860, 150, 70, 28, 44
COLOURS = ("#1f5fa8", "#b4520f", "#2c7a3f", "#7a3f8c", "#555555")
PANELS = (
    ("memory ", "resident memory, MB"),
    ("lag ", "messages left to read"),
    ("behind ", "decisions behind, ms"),
)


def write_plot(path, rows):
    """Write a panel for each kind of sample, one line a name, over minutes."""
    drawn = [_panel(place, *panel, rows) for place, panel in enumerate(PANELS)]
    height = len(PANELS) * (PANEL + GAP) + TOP
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>\n'
    )


def _panel(place, prefix, title, rows):
    top, width = TOP + place * (PANEL + GAP), WIDTH - LEFT - 20
    names = list({name: None for row in rows for name in row if name.startswith(prefix)})
    highest = max((row[name] for row in rows for name in names if name in row), default=1.0) or 1.0
    last = rows[-1]["seconds"] or 1.0

    def point(row, name):
        return f"{LEFT + width * row['seconds'] / last:.1f},{top + PANEL * (1 - row[name] / highest):.1f}"

    parts = [f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">{title}</text>']
    for share in (0.0, 0.5, 1.0):
        y = top + PANEL * (1 - share)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{LEFT + width}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{highest * share:,.0f}</text>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = LEFT + width * share
        parts.append(
            f'<text x="{x:.1f}" y="{top + PANEL + 14}" text-anchor="middle">{last * share / 60:.1f} min</text>'
        )
    for number, name in enumerate(names):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(point(row, name) for row in rows if name in row)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        x = LEFT + 220 + number * 130
        parts.append(f'<text x="{x}" y="{top - 8}" fill="{colour}">{name.removeprefix(prefix)}</text>')
    return "".join(parts)
