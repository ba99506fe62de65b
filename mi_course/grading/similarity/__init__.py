"""Answers that agree beyond what stub, solution and habit explain: a report for a person."""
