# Start a command that outlives this connection. Arguments: STAMP LABEL LIST LINE RECORD GRACE_S JOBS WORDS…
# LIST (of sky maps) must be readable, LINE is run first in the same shell, RECORD is added to fleet.jsonl,
# JOBS are its processes, `cores` one for each; the word @LIST
# stands for the list. Says where its log is.
stamp=$1 label=$2 list=$3 line=$4 record=$5 grace=$6 jobs=$7
shift 7
case $list in '~/'*) list=$HOME/${list#??} ;; esac
left=$#
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    [ "$word" != @LIST ] || word=$list
    set -- "$@" "$word"
    left=$((left - 1))
done
case $jobs in
    cores) set -- "$@" -j "$(nproc)" ;;
    ?*) set -- "$@" -j "$jobs" ;;
esac
mkdir -p "$launched" "$study/logs" || exit 1
free=$(free_kb "$study")
if [ -n "$free" ] && [ "$free" -lt 1024 ]; then
    echo "its disk is full: $free kB are free in $study" >&2
    exit 1
fi
exec 9>"$study/.llama/launch.lock" || exit 1
if command -v flock >/dev/null && ! flock -n 9 || [ -n "$(living)" ]; then
    for one in $(living); do
        echo "it runs already: $(label_of "$one"), process $(pid_of "$one"), log $study/logs/${one##*/}.log" >&2
        exit 1
    done
    echo "it runs already, or is being started just now" >&2
    exit 1
fi
cd "$study" || exit 1
if [ -n "$list" ] && [ ! -r "$list" ]; then
    echo "there is no list $list on it" >&2
    exit 1
fi
if [ -z "$line" ] && ! command -v "$program" >/dev/null; then
    echo "a shell that nobody logs in to finds no $program there; init says more" >&2
    exit 1
fi
log=$study/logs/$stamp.log
runs() { wc -c <runs.jsonl 2>/dev/null || echo 0; }
before=$(runs)
shell=$(command -v bash || command -v sh)
setsid "$shell" -c 'line=$1; shift; eval "$line" || exit; exec "$@"' launch "$line" "$program" "$@" \
    >"$log" 2>&1 </dev/null &
pid=$!
[ -z "$record" ] || echo "$record" >>fleet.jsonl
{
    echo "pid=$pid"
    echo "began=$(began "$pid")"
    echo "boot=$(cat /proc/sys/kernel/random/boot_id)"
    echo "label=$label"
} >"$launched/.$stamp" && mv "$launched/.$stamp" "$launched/$stamp" ||
    { kill "$pid"; echo "it was ended: nothing can be written down in $launched" >&2; exit 1; }
tenths=0
while [ "$tenths" -lt "$((grace * 10))" ] && [ -n "$(began "$pid")" ] && [ "$(runs)" = "$before" ]; do
    case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in Z*) break ;; esac
    sleep 0.1
    tenths=$((tenths + 1))
done
case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in
    '' | Z*)
        wait "$pid"
        status=$?
        if [ "$status" -ne 0 ]; then
            [ -z "$record" ] || sed -i '$d' fleet.jsonl # it has drawn nothing
            echo "it ended at once, with exit status $status; $log says: $(tail -n 4 "$log" | tr '\n' ' ')" >&2
            exit 1
        fi
        echo "done already: $(tail -n 2 "$log" | tr '\n' ' ')"
        ;;
    *) echo "process $pid, log $log" ;;
esac
