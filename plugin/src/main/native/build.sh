#!/bin/sh
# Compiles the kernels in C: build.sh OUTPUT_DIR JAVA_HOME [library|bench|driver] [more flags]
#
# library: OUTPUT_DIR/native/SYSTEM/libcalm.so, unless it is newer than its sources.
# bench:   OUTPUT_DIR/native/SYSTEM/libcalm-bench.so, likewise; bench/src/main/native and the kernels.
# driver:  OUTPUT_DIR/calm-driver, the tests that need no Java.
# CC names the compiler (cc). Without one, or on another system than Linux, this says so and ends
# well, for then the kernels in Java serve.
set -eu
sources=$(cd "$(dirname "$0")" && pwd)
checks=$sources/../../test/native
bench=$sources/../../../../bench/src/main/native
out=$1
java=$2
what=${3:-library}
more=${4:-}
compiler=${CC:-cc}
left_out() {
  echo "calm: $1: the native kernels are left out, the kernels in Java serve"
  exit 0
}
[ "$(uname -s)" = Linux ] || left_out "$(uname -s) is not Linux"
command -v "${compiler%% *}" >/dev/null 2>&1 || left_out "no C compiler (${compiler%% *})"
[ "$what" = driver ] || [ -f "$java/include/jni.h" ] || left_out "no $java/include/jni.h"
machine=$($compiler -dumpmachine)
machine=${machine%%-*}
name=libcalm.so
[ "$what" != bench ] || name=libcalm-bench.so
library=$out/native/linux-$machine/$name
[ "$what" = bench ] || bench=$sources # the directories whose changes count
if [ "$what" != driver ] && [ -f "$library" ] &&
  [ -z "$(find "$sources" "$bench" -newer "$library" -type f | head -n 1)" ]; then
  exit 0
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
debug=-g1 # lines for sanitizers
[ "$what" = driver ] || debug=-g0
common="-std=c11 -D_GNU_SOURCE -O3 $debug -fPIC -ffp-contract=off -fno-math-errno -fvisibility=hidden"
common="$common -Wall -Wextra -Werror -pthread"
common="$common -I$sources/kernels -I$sources/decoder"

# compile NAME FLAGS SOURCE: in the background; finish waits for all. Debug information has no paths
# of this machine, so that the same sources give the same library.
jobs=
compile() {
  (cd "$objects" && $compiler $common $2 $more "-ffile-prefix-map=$sources=native" \
    "-ffile-prefix-map=$bench=native" "-ffile-prefix-map=$objects=." \
    -c "$(find "$sources" "$checks" "$bench" -name "$3" 2>/dev/null | head -n 1)" -o "$1.o") &
  jobs="$jobs $!"
}
finish() {
  for job in $jobs; do
    wait "$job"
  done
}
# variant NAME FLAGS SOURCE...: compiles a kernel variant if this compiler knows its instructions
variants=
variant() {
  if : | $compiler $2 -fsyntax-only -x c - 2>/dev/null; then
    variant=$1
    flags=$2
    shift 2
    variants="$variants -DCALM_HAS_$variant"
    for source in "$@"; do
      compile "${source%.c}_$variant" "$flags" "$source"
    done
  else
    echo "calm: $compiler knows no $2: that kernel is left out"
  fi
}

avx2="-mavx2 -mfma -mf16c"
avx512="$avx2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mprefer-vector-width=512"
for source in vector attention columns grid gram gptq product tile divergence; do
  compile ${source}_scalar "-DCALM_WIDTH=scalar" $source.c
  case $machine in
    x86_64)
      compile ${source}_avx2 "-DCALM_WIDTH=avx2 $avx2" $source.c
      compile ${source}_avx512 "-DCALM_WIDTH=avx512 $avx512" $source.c
      ;;
    aarch64)
      compile ${source}_neon "-DCALM_WIDTH=neon" $source.c
      ;;
  esac
done
compile linear_scalar "" linear_scalar.c
case $machine in
  x86_64)
    compile linear_avx2 "$avx2" linear_avx2.c
    compile table_avx2 "$avx2" table_avx2.c
    compile linear_avx512 "$avx512" linear_avx512.c
    variant AVXVNNI "$avx2 -mavxvnni -DCALM_VNNI" linear_avx2.c table_avx2.c
    variant AMX "$avx512 -mamx-tile -mamx-int8" linear_amx.c
    ;;
  aarch64)
    compile linear_neon "-march=armv8.2-a+dotprod" linear_neon.c
    ;;
esac
compile kernels "$variants" kernels.c
compile clock "" clock.c
compile pool "" pool.c
compile turns "" turns.c
compile guard "" guard.c
if [ "$what" = driver ]; then
  for source in driver driver_linear driver_vector driver_attention driver_search driver_pool; do
    compile $source "" $source.c
  done
  finish
  mkdir -p "$out"
  $compiler $more -o "$out/calm-driver" "$objects"/*.o -lm -pthread
else
  jni="-I$java/include -I$java/include/linux"
  if [ "$what" = bench ]; then
    compile bench "$variants" bench.c
    compile bench_binding "$jni" bench_binding.c
  else
    for source in decoder pass_rows pass_linear pass_attention pass_head windows float_windows; do
      compile $source "" $source.c
    done
    for source in binding binding_search; do
      compile $source "$jni" $source.c
    done
  fi
  finish
  mkdir -p "$(dirname "$library")"
  $compiler $more -shared -s -o "$library.new" "$objects"/*.o -lm -pthread
  mv "$library.new" "$library"
fi
