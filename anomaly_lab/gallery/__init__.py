"""The gallery: every detector on every data set, stored as it comes, shown side by side."""
