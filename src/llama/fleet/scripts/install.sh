# Install a wheel that was pushed, with what its lock says, into a Python of its own. Arguments: FOLDER WHEEL LOCK
folder=$HOME/$1 wheel=$2 lock=$3
python=$(command -v python3) || { echo "there is no python3 on it; install Python 3.11 or newer" >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "$("$python" --version) is too old; install Python 3.11 or newer" >&2; exit 1; }
[ -x "$folder/venv/bin/python" ] || "$python" -m venv "$folder/venv" >"$folder/install.log" 2>&1 ||
    { echo "no environment could be made: $(tail -n 2 "$folder/install.log" | tr '\n' ' ')" >&2; exit 1; }
pip() { "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "$@" >>"$folder/install.log" 2>&1; }
cd "$folder" || exit 1
pip --require-hashes -r "$lock" && pip --no-deps --force-reinstall "$wheel" ||
    { echo "pip failed: $(tail -n 2 "$folder/install.log" | tr '\n' ' '); $folder/install.log has it all" >&2; exit 1; }
mkdir -p "$HOME/.local/bin" && ln -sfn "$folder/venv/bin/llama" "$HOME/.local/bin/llama"
