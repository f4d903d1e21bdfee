# A line for each process: what launch started with what it is for, then other commands of llama in the same home.
ours=" "
for record in $(living); do
    for one in $(members "$(pid_of "$record")"); do
        ours="$ours$one "
        words=$(tr '\0' ' ' <"/proc/$one/cmdline" 2>/dev/null | cut -c 1-160)
        [ -z "$words" ] || echo "$one  $(label_of "$record")  $words"
    done
done
for file in $(grep -laE '(^|/)llama|llama[.]cli' /proc/[0-9]*/cmdline 2>/dev/null); do
    one=${file#/proc/}
    one=${one%/cmdline}
    case "$ours$$ " in *" $one "*) continue ;; esac
    tr '\0' '\n' <"/proc/$one/environ" 2>/dev/null | grep -qx "HOME=$HOME" || continue
    words=$(tr '\0' '\n' <"$file" 2>/dev/null | sed -n '1,3{/\(^\|\/\)llama$/p;/^llama\.cli/p}' | head -n 1)
    [ -z "$words" ] || echo "$one  not by launch  $(tr '\0' ' ' <"$file" 2>/dev/null | cut -c 1-160)"
done
