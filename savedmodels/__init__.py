"""The models that come with tfkd; `tfkd_base.bundled_models` lists and opens them."""
