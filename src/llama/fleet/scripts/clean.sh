# Old outputs. Arguments: list|remove NAMES…. `list` says of each that is there how many files and bytes it has.
what=$1
shift
cd "$study" 2>/dev/null || exit 0
if [ "$what" = remove ]; then
    mkdir -p "$study/.llama" && exec 9>"$study/.llama/launch.lock" || exit 1
    if command -v flock >/dev/null && ! flock -n 9 || [ -n "$(living)" ]; then
        echo "something is running there; killall first" >&2
        exit 1
    fi
fi
for name in "$@"; do
    [ -e "$name" ] || continue
    if [ "$what" = remove ]; then
        rm -rf -- "./$name" || exit 1
    else
        echo "$(find "./$name" -type f | wc -l) $(du -sk -- "./$name" | cut -f 1) $study/$name"
    fi
done
if [ "$what" = remove ] && [ -f fleet.jsonl ]; then
    echo '{"cleaned": true}' >>fleet.jsonl
fi
