"""Grading on many machines with dask."""
