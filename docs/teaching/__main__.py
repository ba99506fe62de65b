"""`python -m docs.teaching` writes the pages of the teacher kit from its data and the course."""

from docs.teaching.index import index
from docs.teaching.kit import FOLDER, chapters, load
from docs.teaching.pages import page


def main() -> None:
    """Write every page."""
    texts = {f"{chapter}.md": page(load(chapter)) for chapter in chapters()}
    for name, text in {**texts, "README.md": index()}.items():
        (FOLDER / name).write_text(text)
        print(f"wrote docs/teaching/{name}")


if __name__ == "__main__":
    main()
