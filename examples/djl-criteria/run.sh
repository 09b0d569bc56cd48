#!/bin/sh
# run.sh [CHECKPOINT] [PROMPT]: compiles and runs Generate.java with the plugin jar of this checkout.
# CALM_CLASSPATH replaces the jar and its libraries.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
target=$here/../../plugin/target
classpath=${CALM_CLASSPATH:-}
if [ -z "$classpath" ]; then
  classpath=$(find "$target" -maxdepth 1 -name 'calm-djl-plugin-*.jar' 2>/dev/null | head -n 1)
  { [ -n "$classpath" ] && [ -f "$target/classpath" ]; } || {
    echo "run.sh: expected plugin/target/calm-djl-plugin-*.jar and classpath: run ./calm --version" >&2
    exit 1
  }
  for library in $(tr : ' ' <"$target/classpath"); do # those of this build
    classpath=$classpath:$target/$library
  done
  for library in "$target"/lib/netty-*.jar; do
    classpath=$classpath:$library
  done
fi
[ $# -gt 0 ] || set -- "$here/../../models/calm-tiny-llama"
exec java -cp "$classpath" "$here/Generate.java" "$@"
