"""``python -m anomaly_lab``: the command line, where the command is not on the path."""

from anomaly_lab.cli import main

main()
