"""Runs the command line as `python -m tfkd_cli`."""

from __future__ import annotations

from .main import main

main()
