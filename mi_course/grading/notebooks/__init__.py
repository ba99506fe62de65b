"""Notebooks: built from their sources, executed, rehearsed, fit for Colab, nbval and nbgrader."""
