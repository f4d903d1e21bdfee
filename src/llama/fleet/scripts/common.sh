# Before every script: where the study is, and which processes `launch` started. Arguments: STUDY PROGRAM …
study=$1 program=$2
shift 2
PATH=$PATH:$HOME/.local/bin:/usr/local/bin:/usr/bin:/bin
[ ! -x "$HOME/.local/share/llama-fleet/venv/bin/llama" ] || PATH=$HOME/.local/share/llama-fleet/venv/bin:$PATH
export PATH
case $study in
    '') if [ -d "$HOME/pre-er14-background" ]; then study=$HOME/pre-er14-background; else study=$HOME/llama-study; fi ;;
    '~') study=$HOME ;;
    '~/'*) study=$HOME/${study#??} ;;
    /*) ;;
    *) study=$HOME/$study ;;
esac
launched=$study/.llama/launched

# The moment a process began, in ticks since the machine did; nothing for one that is gone.
began() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# The living processes of a session: what `launch` started and all that came of it.
members() { cat /proc/[0-9]*/stat 2>/dev/null | sed -n "s/^\([0-9]*\) (.*) [^Z] [0-9-]* [0-9-]* $1 .*/\1/p"; }

# For each launch that still lives: its record's path.
living() {
    boot=$(cat /proc/sys/kernel/random/boot_id)
    for record in "$launched"/*; do
        [ -f "$record" ] || continue
        grep -qx "boot=$boot" "$record" || continue
        pid=$(sed -n 's/^pid=//p' "$record")
        now=$(began "$pid")
        [ -z "$now" ] || grep -qx "began=$now" "$record" || continue # another process has that number today
        [ -z "$(members "$pid")" ] || echo "$record"
    done
}

# What is free where a folder is; nothing where that is not known.
free_kb() { df -Pk "$1" | sed -n '2{s/ *[0-9]*% .*//;s/.* //;p;}'; }

pid_of() { sed -n 's/^pid=//p' "$1"; }
label_of() { sed -n 's/^label=//p' "$1"; }
