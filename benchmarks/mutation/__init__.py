"""Mutation score of the exercises: `make mutation`, or `python -m benchmarks.mutation [ID ...]`.

Every right answer (the chapter's solution and the exercise's alternatives) is changed in one place
at a time, and each mutant is judged as a student's answer would be. A mutant whose values differ
from the reference and that keeps all its points is a survivor: a wrong answer that would pass.
In go the exercises of the registry; out come a table and `benchmarks/mutation.json`.
"""
