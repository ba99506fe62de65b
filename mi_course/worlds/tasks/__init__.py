"""Tasks with known answers: clean and corrupted prompt pairs, for any tokenizer.

Each module is one task and has one function that builds it: `ioi`, `greater_than`, `docstring`,
`facts`, `induction`, `surnames`. In go a tokenizer, a number of pairs and a seed; out comes a
`Task` of `PromptPair`s.
"""

from mi_course.worlds.tasks.docstring import docstring
from mi_course.worlds.tasks.facts import facts
from mi_course.worlds.tasks.greater_than import greater_than
from mi_course.worlds.tasks.induction import induction, repeated_random_tokens
from mi_course.worlds.tasks.ioi import ioi
from mi_course.worlds.tasks.prompts import PromptPair, Task, batch
from mi_course.worlds.tasks.surnames import recurring_surnames, surnames

BUILDERS = {
    "ioi": ioi,
    "greater_than": greater_than,
    "docstring": docstring,
    "facts": facts,
    "induction": induction,
    "surnames": surnames,
}

__all__ = [
    "BUILDERS",
    "PromptPair",
    "Task",
    "batch",
    "docstring",
    "facts",
    "greater_than",
    "induction",
    "ioi",
    "recurring_surnames",
    "repeated_random_tokens",
    "surnames",
]
