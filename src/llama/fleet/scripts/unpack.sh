# Files that come in as one tar, into a folder. Arguments: FOLDER (of the study if it is no whole path) KB
case $1 in
    /*) place=$1 ;;
    '~/'*) place=$HOME/${1#??} ;;
    *) place=$study/$1 ;;
esac
mkdir -p "$place" && cd "$place" || exit 1
free=$(free_kb .)
if [ -n "$free" ] && [ "$free" -lt "$2" ]; then
    echo "its disk is full: $free kB are free, $2 kB are to come" >&2
    exit 1
fi
tar -xf - --no-same-owner
