#!/bin/sh
# check.sh PORT [MODEL]: runs every example against the server on 127.0.0.1:PORT, e.g. after
#   ./calm serve models/calm-tiny-llama --port 8080 -s calm.algorithm=rtn -s calm.lm-head=int8
# An example whose tools are missing is skipped with the reason. Ends with 1 if one fails.
# PYTHON names a Python that has openai (python3); CALM_CLASSPATH replaces the plugin jar.
set -eu
[ $# -ge 1 ] || {
  echo "usage: check.sh PORT [MODEL]" >&2
  exit 2
}
URL=http://127.0.0.1:$1
MODEL=${2:-calm-tiny-llama}
export URL MODEL
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
python=${PYTHON:-python3}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0

has() { command -v "$1" >/dev/null 2>&1; }

# check NAME COMMAND...: the output is shown only if the command fails.
check() {
  name=$1
  shift
  if "$@" >"$log" 2>&1; then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    echo "FAILED  $name"
    sed 's/^/        /' "$log"
    failed=$((failed + 1))
  fi
}
skip() {
  echo "SKIPPED $1: $2"
  skipped=$((skipped + 1))
}

for script in predictions invocations streaming; do
  if has curl; then
    check "curl/$script.sh" "$here/curl/$script.sh"
  else
    skip "curl/$script.sh" "no curl"
  fi
done

if "$python" -c 'import openai' >/dev/null 2>&1; then
  check openai-python "$python" "$here/openai-python/chat.py" "$URL/v1" "$MODEL"
else
  skip openai-python "$python has no openai: pip install -r examples/openai-python/requirements.txt"
fi

maven=mvn
has mvn || maven=$here/../mvnw
if ! has javac; then
  skip langchain4j "no JDK"
elif ! (cd "$here/langchain4j" && "$maven" -B -ntp -q compile) >"$log" 2>&1; then
  if grep -qE 'Could not (resolve|transfer)|Cannot access|Non-resolvable' "$log"; then
    skip langchain4j "Maven could not fetch its dependencies"
  else
    check langchain4j sh -c 'printf "%s\n" "$1"; false' sh "$(cat "$log")"
  fi
else
  check langchain4j sh -c 'cd "$1" && "$2" -B -ntp -q exec:java -Dexec.args="$3/v1 $4"' sh \
    "$here/langchain4j" "$maven" "$URL" "$MODEL"
fi

if ! has javac; then
  skip djl-criteria "no JDK"
elif [ -z "${CALM_CLASSPATH:-}" ] &&
  { [ ! -f "$here/../plugin/target/classpath" ] ||
    [ -z "$(find "$here/../plugin/target" -maxdepth 1 -name 'calm-djl-plugin-*.jar' 2>/dev/null)" ]; }; then
  skip djl-criteria "no plugin jar, or no list of its libraries: ./calm --version builds both"
else
  check djl-criteria "$here/djl-criteria/run.sh" # in a process of its own, with calm-tiny-llama
fi

if [ -n "${ONNX_URL:-}" ] && [ -n "${ONNX_EXPORT:-}" ]; then
  check djl-onnxruntime "$here/djl-onnxruntime/run.sh" "$ONNX_URL" "$ONNX_EXPORT"
else
  skip djl-onnxruntime "no server: set ONNX_URL=.../predictions/NAME and ONNX_EXPORT=DIRECTORY"
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
