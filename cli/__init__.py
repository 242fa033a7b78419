"""The command line of tfkd: one file a command, each a thin layer over functions of `tfkd`."""
