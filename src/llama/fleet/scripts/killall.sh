# End what launch started, and nothing else: asked first, after WAIT seconds made to. Says how many, and who is left.
wait_s=$1
records=$(living)
all() { for record in $records; do members "$(pid_of "$record")"; done; }
first=$(all)
[ -n "$first" ] || { echo "0 ended, left 0"; exit; }
kill -TERM $first 2>/dev/null
tenths=0
while [ -n "$(all)" ] && [ "$tenths" -lt "$((wait_s * 5))" ]; do
    sleep 0.2
    tenths=$((tenths + 1))
done
left=$(all)
[ -z "$left" ] || kill -KILL $left 2>/dev/null
tenths=0
while [ -n "$(all)" ] && [ "$tenths" -lt 25 ]; do
    sleep 0.2
    tenths=$((tenths + 1))
done
left=$(all)
if [ -n "$left" ]; then
    echo "left, and not to be ended: $(echo $left)" >&2
    exit 1
fi
echo "$(echo "$first" | wc -l) ended, left 0"
