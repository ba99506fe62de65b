"""Open questions: found in notebooks, laid out for a marker, and taken in again."""
