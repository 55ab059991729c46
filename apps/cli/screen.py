"""`ita screen`: names against lists of sanctioned and denied parties."""

from pathlib import Path
from typing import Annotated

import typer

Names = Annotated[Path, typer.Argument(help="CSV file with a column name (or company, issuer, counterparty)")]
Lists = Annotated[
    list[Path] | None,
    typer.Option(
        "--list", help="OFAC sdn.csv, alt.csv, csl.csv, dpl.txt, or rows of name; may be given again"
    ),
]
Threshold = Annotated[
    float, typer.Option(min=0.5, max=1.0, help="score from which a listed name is a hit; 1 is the same words")
]
Most = Annotated[int, typer.Option(min=1, help="entries to tell of a name")]
AsJson = Annotated[
    bool, typer.Option("--json", help="print one JSON object, with names that are not hit too")
]


def screen(
    names: Names, lists: Lists = None, threshold: Threshold = 0.83, most: Most = 5, json: AsJson = False
) -> None:
    """Screen names against lists of sanctioned and denied parties: exact, alternative and similar names, with a score.

    Case, accents, word order, legal forms and transliteration do not hide a name; weak aliases, and vessels and
    aircraft of one word, count only when they are the same. The alternative names of OFAC are read too where alt.csv
    lies beside sdn.csv. Hits are for a person to look at; the exit code is 0 with and without them.

    Example: ita screen counterparties.csv --list sdn.csv --list dpl.txt --threshold 0.9 --json
    """
    from apps.cli.main import WrongUse
    from apps.screening import screened, told
    from connectors.files.name_lists import NameFileError

    if not lists:
        raise WrongUse("a list to screen against is needed: --list sdn.csv")
    try:
        done = screened(names, lists, threshold, most)
    except NameFileError as error:
        raise WrongUse(str(error)) from error
    if json:
        import msgspec

        typer.echo(msgspec.json.encode(told(done)).decode())
        return
    for line in done.bad:
        typer.echo(f"{names}, line {line.line}: {line.reason}", err=True)
    for each in done.lists:
        for line in each.bad:
            typer.echo(f"{each.path}, line {line.line}: {line.reason}", err=True)
    for result in done.results:
        for hit in result.hits:
            typer.echo(
                f"{result.name}: {hit.how} {hit.score:.2f} {hit.listed.name} "
                f"({hit.listed.list_name} {hit.listed.entry_id}, {hit.listed.kind}, {hit.listed.party_type}) "
                f"{hit.listed.programs}"
            )
    hits = sum(bool(result.hits) for result in done.results)
    typer.echo(
        f"{len(done.results)} names screened against {sum(len(each.listed) for each in done.lists)}: {hits} with hits"
    )
