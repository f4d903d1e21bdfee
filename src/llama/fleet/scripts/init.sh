# Which llama a shell finds that nobody logs in to. Says `VERSION PATH`.
found=$(command -v "$program")
if [ -z "$found" ]; then
    other=$(bash -lic "command -v $program" 2>/dev/null </dev/null | tail -n 1)
    if [ -n "$other" ]; then
        echo "a shell that nobody logs in to finds no $program; one that is logged in to finds $other: link it" \
            "into ~/.local/bin, or set program of [ssh] to that path" >&2
    else
        echo "there is no $program on it; --wheel FILE installs one" >&2
    fi
    exit 1
fi
said=$("$program" --version 2>&1) || { echo "$found does not work: $(echo "$said" | tail -n 1)" >&2; exit 1; }
echo "${said#llama } $found"
