# SHA-256 of files whose paths come in with NULs after them; what is not there, or not to be read, is left out.
# Argument: FOLDER, of the study if it is no whole path.
case $1 in
    /*) place=$1 ;;
    '~/'*) place=$HOME/${1#??} ;;
    *) place=$study/$1 ;;
esac
mkdir -p "$place" && cd "$place" || exit 1
xargs -0 -r sha256sum -z -- 2>/dev/null
exit 0
