"""`python -m docs.teaching` writes the pages of the teacher kit from its data and the course."""

from docs.teaching.kit import FOLDER, chapters, load
from docs.teaching.pages import page


def main() -> None:
    """Write every page."""
    for chapter in chapters():
        (FOLDER / f"{chapter}.md").write_text(page(load(chapter)))
        print(f"wrote docs/teaching/{chapter}.md")


if __name__ == "__main__":
    main()
