"""The configurations that come with tfkd; `tfkd.experiments.config.load_config` takes their names."""
