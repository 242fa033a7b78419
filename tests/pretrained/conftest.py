"""What is not collected here."""

collect_ignore = ["golden/make.py"]  # runs in an environment of its own
