"""Tables: reading a file, judging its columns, turning rows into numbers."""
