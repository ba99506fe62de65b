"""Worlds: where inputs and their true labels come from. A world knows no model."""
