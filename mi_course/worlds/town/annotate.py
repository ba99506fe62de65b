"""Labels for what a template's slots mean, added after a sentence is rendered.

A template labels every slot with its name in the collection `role`; some slots mean more, such
as the name of a person, which carries the attributes of that person.
In go a writer and slot names; spans are added to the writer.
"""

from mi_course.worlds.town.document import Template, Writer

Labels = tuple[tuple[str, str], ...]


def render_labelled(
    out: Writer, template: Template, fills: dict[str, str], meanings: dict[str, Labels]
) -> None:
    """Render a template and give the slots in `meanings` more labels.

    Args:
        out: the writer.
        template: the sentence.
        fills: text by slot.
        meanings: (collection, label) pairs by slot.
    """
    first = len(out.spans)
    template.render(out, **fills)
    for start, end, collection, label in out.spans[first:]:
        if collection == "role" and label in meanings:
            out.spans.extend([(start, end, c, value) for c, value in meanings[label]])
