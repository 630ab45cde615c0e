"""``python -m mumetal``."""

from mumetal.serve.cli import main

main()
