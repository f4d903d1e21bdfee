# How many are done. Arguments: KIND FOLDER. Event folders with a result, and trials of kernel depth, block by block.
kind=$1 folder=$study/$2
cd "$study" 2>/dev/null || { echo 0; exit; }
events=0
[ ! -d "$folder" ] || events=$(find "$folder/" -mindepth 2 -maxdepth 2 -name 'significance_*_lvc-i3.json' |
    sed 's|/[^/]*$||' | sort -u | wc -l)
blocks=$(find "trials/$kind-kernel" -name '*.npz' 2>/dev/null | wc -l)
each=$(sed -n "s/.*\"kind\": \"$kind\", \"depth\": \"kernel\", \"per_map\": \([0-9]*\).*/\1/p" runs.jsonl 2>/dev/null |
    head -n 1)
echo "$((events + blocks * ${each:-0}))"
