# The rest of a file. Arguments: PATH BYTES-THERE
cd "$study" || exit 1
exec tail -c "+$(($2 + 1))" -- "./$1"
