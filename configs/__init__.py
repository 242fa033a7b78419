"""The configurations that come with tfkd; `tfkd.config.load_config` takes their names."""
