"""Walls between a student's code and the machine, and the sandbox that stands behind them."""
