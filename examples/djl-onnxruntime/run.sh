#!/bin/sh
# run.sh URL EXPORT [PROMPT] [TOKENS]: compiles and runs Generate.java with DJL's jars of this checkout,
# e.g. run.sh http://127.0.0.1:8080/predictions/smollm2 smollm2-onnx. CALM_CLASSPATH replaces the jars.
set -eu
[ $# -ge 2 ] || {
  echo "usage: run.sh URL EXPORT [PROMPT] [TOKENS]" >&2
  exit 2
}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
target=$here/../../plugin/target
classpath=${CALM_CLASSPATH:-}
if [ -z "$classpath" ]; then
  [ -f "$target/classpath" ] || {
    echo "run.sh: expected plugin/target/classpath, found none: run ./calm --version" >&2
    exit 1
  }
  for library in $(tr : ' ' <"$target/classpath"); do # those of this build
    classpath=${classpath:+$classpath:}$target/$library
  done
fi
exec java -cp "$classpath" "$here/Generate.java" "$1" "$2" "${3:-The capital of France is}" "${4:-64}"
