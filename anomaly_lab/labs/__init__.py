"""The labs: notebooks laid down for a student, run and checked, and graded for a class."""
