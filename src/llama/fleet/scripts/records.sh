# Which blocks this server was given, as JSON lines.
[ ! -f "$study/fleet.jsonl" ] || cat "$study/fleet.jsonl"
