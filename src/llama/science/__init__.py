"""Pure kernels on arrays and frozen records: no files, no clock, no settings, no network."""
