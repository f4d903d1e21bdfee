"""Products that join messengers, and the named pipelines made of them."""
