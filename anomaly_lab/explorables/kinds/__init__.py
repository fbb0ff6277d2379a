"""One folder an explorable: its Python, its script and its style."""
