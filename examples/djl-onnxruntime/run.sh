#!/bin/sh
# run.sh URL EXPORT [PROMPT] [TOKENS]: compiles and runs Generate.java with DJL's jars of this checkout,
# e.g. run.sh http://127.0.0.1:8080/predictions/smollm2 smollm2-onnx. CALM_CLASSPATH replaces the jars.
set -eu
[ $# -ge 2 ] || {
  echo "usage: run.sh URL EXPORT [PROMPT] [TOKENS]" >&2
  exit 2
}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
lib=$here/../../plugin/target/lib
classpath=${CALM_CLASSPATH:-$lib/*}
[ -n "${CALM_CLASSPATH:-}" ] || [ -d "$lib" ] || {
  echo "run.sh: expected plugin/target/lib, found none: run ./calm --version" >&2
  exit 1
}
exec java -cp "$classpath" "$here/Generate.java" "$1" "$2" "${3:-The capital of France is}" "${4:-64}"
