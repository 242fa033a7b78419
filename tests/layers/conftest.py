"""Files that pytest must not collect."""

collect_ignore = ["tfa_golden/make.py"]  # runs in its own environment
