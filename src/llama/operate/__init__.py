"""What keeps a system running: start with `update`, which makes what is ready."""
