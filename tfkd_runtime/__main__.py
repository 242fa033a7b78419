"""`python -m tfkd_runtime` runs the command `tfkd-runtime`."""

from tfkd_runtime.command import main

main()
