#!/bin/sh
# Compiles the kernels in C: build.sh OUTPUT_DIR JAVA_HOME [library|bench|driver] [more flags]
#
# library: OUTPUT_DIR/native/SYSTEM/libcalm.so, unless it is newer than its sources.
# bench:   OUTPUT_DIR/native/SYSTEM/libcalm-bench.so, likewise; bench/src/main/native and the kernels.
# driver:  OUTPUT_DIR/calm-driver, the tests that need no Java.
# CC names the compiler (cc). Without one or its headers, on another system than Linux, or for a
# big-endian machine, this says so and ends well, for then the kernels in Java serve.
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
machine=$($compiler -dumpmachine 2>/dev/null) || left_out "$compiler -dumpmachine fails"
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
    -c "$(find "$sources" "$checks" "$bench" -name "$3" 2>/dev/null | head -n 1)" -o "$1.o" \
    >"$1.log" 2>&1) &
  jobs="$jobs $!:$1"
}
# Ends with the messages of the first file that does not compile, and the names of all such files.
finish() {
  failed=
  for job in $jobs; do
    wait "${job%%:*}" || failed="$failed ${job#*:}"
  done
  if [ -n "$failed" ]; then
    first=${failed# }
    cat "$objects/${first%% *}.log" >&2
    echo "calm: not compiled:$failed" >&2
    exit 1
  fi
  cat "$objects"/*.log >&2
}
# takes FLAGS: whether the compiler compiles standard input with them
takes() {
  (cd "$objects" && $compiler $common $1 -x c -c - -o probe) >"$objects/problem" 2>&1
}
# knows MACRO VARIANT FLAGS INSTRUCTION: whether the compiler takes the flags of a kernel variant,
# and its assembler an instruction of it
variants=
knows() {
  if echo "__asm__(\"$4\");" | takes "$3"; then
    variants="$variants -DCALM_HAS_$1"
  else
    echo "calm: $compiler does not know $3: the kernel $2 is left out"
    return 1
  fi
}
# vectors WIDTH FLAGS: the files that are written once over 16 lanes
vectors() {
  for source in vector attention columns grid gram gptq product tile divergence; do
    compile "${source}_$1" "-DCALM_WIDTH=$1 $2" $source.c
  done
}

if ! echo | takes ""; then
  cat "$objects/problem" >&2
  echo "calm: $compiler does not compile an empty file" >&2
  exit 1
fi
if ! takes "" <<'END'; then
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
END
  problem=$(grep -m 1 error "$objects/problem" || head -n 1 "$objects/problem")
  left_out "$compiler does not compile for Linux ($problem)"
fi
takes "" <<'END' || left_out "$machine is a big-endian machine"
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "");
END

avx2="-mavx2 -mfma -mf16c"
avxvnni="$avx2 -mavxvnni"
avx512="$avx2 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mprefer-vector-width=512"
amx="$avx512 -mamx-tile -mamx-int8"
neon="-march=armv8.2-a+dotprod"
vectors scalar ""
compile linear_scalar "" linear_scalar.c
case $machine in
  x86_64)
    if knows AVX2 avx2 "$avx2" "vpmaddubsw %ymm0, %ymm1, %ymm2"; then
      vectors avx2 "$avx2"
      compile linear_avx2 "$avx2" linear_avx2.c
      compile table_avx2 "$avx2" table_avx2.c
    fi
    if knows AVXVNNI avx-vnni "$avxvnni" "{vex} vpdpbusd %ymm0, %ymm1, %ymm2"; then
      compile linear_avxvnni "$avxvnni -DCALM_VNNI" linear_avx2.c
      compile table_avxvnni "$avxvnni -DCALM_VNNI" table_avx2.c
    fi
    if knows AVX512VNNI avx512-vnni "$avx512" "vpdpbusd %zmm0, %zmm1, %zmm2"; then
      vectors avx512 "$avx512"
      compile linear_avx512 "$avx512" linear_avx512.c
    fi
    if knows AMX amx "$amx" "tdpbsud %tmm0, %tmm1, %tmm2"; then
      compile linear_amx "$amx" linear_amx.c
    fi
    ;;
  aarch64)
    if knows NEON neon-dotprod "$neon" "sdot v0.4s, v1.16b, v2.16b"; then
      vectors neon ""
      compile linear_neon "$neon" linear_neon.c
    fi
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
  # nodelete: the JVM unloads a library with the class loader that loaded it, but the handler of
  # SIGBUS (guard.c) and the workers (pool.c) stay, and need its code.
  $compiler $more -shared -s -Wl,-z,nodelete -o "$library.new" "$objects"/*.o -lm -pthread
  mv "$library.new" "$library"
fi
