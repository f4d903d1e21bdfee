"""One folder per messenger: how its messages are read, its products, its likelihood terms."""
