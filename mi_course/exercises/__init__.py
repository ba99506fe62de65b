"""What is asked of students and how it is judged; one module for each chapter."""
