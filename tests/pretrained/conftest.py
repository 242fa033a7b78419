"""Files that pytest must not collect."""

collect_ignore = ["golden/make.py"]  # runs in its own environment
