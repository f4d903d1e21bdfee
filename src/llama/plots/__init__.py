"""Value in, matplotlib Figure out."""
