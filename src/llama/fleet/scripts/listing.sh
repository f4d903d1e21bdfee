# Every file below some names: size, time of change in s, path, each with a NUL after it. Arguments: NAMES…
cd "$study" 2>/dev/null || exit 0
for name in "$@"; do
    shift
    [ ! -e "$name" ] || set -- "$@" "./$name"
done
[ $# -eq 0 ] || find "$@" -type f ! -name '.*' ! -path '*/.new-*' -printf '%s %T@ %p\0'
