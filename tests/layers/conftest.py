"""What is not collected here."""

collect_ignore = ["tfa_golden/make.py"]  # runs in an environment of its own
