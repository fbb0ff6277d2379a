"""The gallery: every detector on every data set, kept as it comes, shown side by side."""
