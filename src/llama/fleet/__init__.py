"""Many servers as one: how servers are named (`patterns`), the cloud they come from, what runs where."""
