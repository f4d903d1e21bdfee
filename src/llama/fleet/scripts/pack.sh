# Files whose paths come in with NULs after them, as one tar.
cd "$study" || exit 1
tar -cf - --format=gnu --ignore-failed-read --no-recursion --null -T - 2>/dev/null
exit 0
