"""The README leads with the two commands, and no file of the repository knows the machine it was written on."""

import re
from pathlib import Path

NEAR_THE_TOP_LINES = 40
TEXT_BYTES_MAX = 5_000_000
SOMEONES_HOME = re.compile(r"(?<![\w.])(?:/home/|/Users/|[A-Z]:\\Users\\)[A-Za-z][\w.-]*[/\\]")


def machine_paths(root: Path) -> re.Pattern[str]:
    """Return what finds the checkout, the data beside it and the home folder.

    A folder directly under the root of the machine (a checkout at `/src`) is too common a word to look for.
    """
    homes = {Path.home()} if len(Path.home().parts) > 2 or Path.home().name == "root" else set()
    places = homes | {place for place in (root, root.parent / "shared") if len(place.parts) > 2}
    telling = "|".join(re.escape(str(place)) for place in sorted(places))
    return re.compile(rf"(?<![\w./~-])(?:{telling})(?![\w-])") if telling else SOMEONES_HOME


def text_of(path: Path) -> str:
    content = path.read_bytes()[:TEXT_BYTES_MAX]
    return "" if b"\0" in content else content.decode("utf-8", "replace")


def test_the_readme_gives_both_commands_near_the_top_in_a_block_each(root):
    top = "\n".join((root / "README.md").read_text().splitlines()[:NEAR_THE_TOP_LINES])

    blocks = re.findall(r"```\w*\n(.*?)\n```", top, re.DOTALL)

    assert [block for block in blocks if block.startswith("make ")][:2] == ["make demo", "make test"]


def test_no_file_names_the_checkout_or_a_home_folder(root, files):
    ours = machine_paths(root)

    found = {
        f"{path.relative_to(root)}:{number}": line.strip()[:120]
        for path in files
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if ours.search(line) or SOMEONES_HOME.search(line)
    }

    assert found == {}


def test_every_local_link_of_the_documents_leads_somewhere(root, files):
    documents = [path for path in files if path.suffix == ".md"]

    broken = {
        f"{path.relative_to(root)}: {target}"
        for path in documents
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text_of(path))
        if not (path.parent / target).exists()
    }

    assert broken == set()


def test_the_readme_names_every_page_of_the_documents(root):
    named = set(
        re.findall(r"^- \[[^]]+\]\(docs/([\w-]+\.md)\)", (root / "README.md").read_text(), re.MULTILINE)
    )

    assert named == {path.name for path in (root / "docs").glob("*.md")}
