# The last lines of the log with the largest number. Argument: LINES
last=$(ls "$study/logs" 2>/dev/null | sed -n 's/^\([0-9][0-9]*\)\.log$/\1/p' | sort -n | tail -n 1)
if [ -z "$last" ]; then
    echo "there is no log in $study/logs yet" >&2
    exit 1
fi
echo "$study/logs/$last.log"
tail -n "$1" "$study/logs/$last.log"
