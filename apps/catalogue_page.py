"""The catalogue as rows and as a page: the features of the desk and the indicators, a line each."""

from features.catalogue import CATALOGUE
from features.comparison import described
from features.garch import garch
from features.indicators.catalogue import asked_for, indicators, warm_ups
from features.indicators.line import usage

MISSING = "missing in a bar that lacks what it reads; the bar is left out of its windows"
HEAD = (
    "Written by `python -m apps.catalogue_page`; a test keeps it current. `ita features list` and `ita indicators "
    "list` show the same, with `--search`."
)
INDICATORS = (
    "Computed over a file of bars by `ita indicators compute`. Letters are o, h, l, c and v of the bar, c_n the close "
    "of n bars ago, e an exponential average, tr the true range. An indicator is "
    f"{MISSING}. Warm-up is in bars, with the defaults, of the output that needs most."
)
FEATURES = (
    "Computed with every bar of the desk's interval, kept in the lake and served by the feature store. A feature is "
    f"{MISSING}."
)


def feature_rows() -> list[dict[str, str | int]]:
    """Return the features that the desk computes with every bar, and those that are made when read, as rows of text."""
    read = (garch("garch(0.06,0.92)").features[0], *described())
    return [
        {
            "name": line.name,
            "meaning": line.meaning,
            "unit": line.unit,
            "warm_up": line.warm_up,
            "missing": MISSING,
            "version": line.version,
            "source": line.source,
        }
        for line in (*CATALOGUE, *read)
    ]


def indicator_rows() -> list[dict[str, str | int]]:
    """Return the indicators, as rows of text; `warm_up` is that of the defaults, of the output that needs most."""
    rows: list[dict[str, str | int]] = []
    for name, line in indicators().items():
        rows.append(
            {
                "name": usage(line),
                "meaning": line.meaning,
                "formula": line.formula,
                "outputs": ", ".join(output or "value" for output in line.outputs),
                "unit": line.unit,
                "family": line.family,
                "warm_up": max(warm_ups(asked_for([name])[0])),
                "missing": MISSING,
                "version": line.version,
                "source": line.source,
            }
        )
    return rows


def page() -> str:
    """Return the whole catalogue as Markdown."""
    features, lines = feature_rows(), indicator_rows()
    families = sorted({str(row["family"]) for row in lines})
    parts = [
        "# Catalogue",
        "",
        HEAD,
        "",
        f"## Indicators ({len(lines)})",
        "",
        INDICATORS,
    ]
    for family in families:
        parts += ["", f"### {family.capitalize()}", "", *_table(lines, family)]
    parts += [
        "",
        f"## Features of the desk ({len(features)})",
        "",
        FEATURES,
        "",
        "| feature | meaning | unit | warm-up | version | source |",
        "|---|---|---|---|---|---|",
    ]
    parts += [
        "| `{name}` | {meaning} | {unit} | {warm_up} | {version} | {source} |".format(**_escaped(row))
        for row in features
    ]
    return "\n".join(parts) + "\n"


def _table(lines: list[dict[str, str | int]], family: str) -> list[str]:
    head = [
        "| indicator | meaning | formula | outputs | unit | warm-up | version | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    form = "| `{name}` | {meaning} | {formula} | {outputs} | {unit} | {warm_up} | {version} | {source} |"
    return head + [form.format(**_escaped(row)) for row in lines if row["family"] == family]


def _escaped(row: dict[str, str | int]) -> dict[str, str]:
    return {name: str(value).replace("|", "\\|") for name, value in row.items()}


if __name__ == "__main__":
    from pathlib import Path

    Path("docs/catalogue.md").write_text(page())
