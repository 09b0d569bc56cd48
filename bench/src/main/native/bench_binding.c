/* The methods of io.calm.bench.NativeBench. */
#include "bench.h"

#include <jni.h>
#include <string.h>

static const void *address(JNIEnv *env, jobject buffer) {
  return (*env)->GetDirectBufferAddress(env, buffer);
}

/* The index of a kernel variant by its name; -1 where this library has none of that name. */
JNIEXPORT jint JNICALL Java_io_calm_bench_NativeBench_indexOf(JNIEnv *env, jclass type,
                                                              jstring name) {
  (void)type;
  const char *wanted = (*env)->GetStringUTFChars(env, name, NULL);
  int found = -1;
  for (int i = 0; wanted && i < calm_variants(); i++) {
    if (strcmp(calm_variant_name(i), wanted) == 0) {
      found = i;
    }
  }
  if (wanted) {
    (*env)->ReleaseStringUTFChars(env, name, wanted);
  }
  return found;
}

JNIEXPORT jdouble JNICALL Java_io_calm_bench_NativeBench_readBandwidth(JNIEnv *env, jclass type,
                                                                       jobject buffer, jlong bytes,
                                                                       jint threads, jint passes) {
  (void)type;
  return calm_bench_read(address(env, buffer), (size_t)bytes, threads, passes);
}

JNIEXPORT jdouble JNICALL Java_io_calm_bench_NativeBench_integerPeak(JNIEnv *env, jclass type,
                                                                     jint variant, jint threads) {
  (void)env;
  (void)type;
  return calm_bench_peak(variant, threads);
}

JNIEXPORT jdouble JNICALL Java_io_calm_bench_NativeBench_floatPeak(JNIEnv *env, jclass type,
                                                                   jint variant, jint threads) {
  (void)env;
  (void)type;
  return calm_bench_float_peak(variant, threads);
}

JNIEXPORT jdouble JNICALL Java_io_calm_bench_NativeBench_linearSeconds(
    JNIEnv *env, jclass type, jint variant, jint outputs, jint inputs, jint group, jobject codes,
    jobject grids, jint copies, jint rows, jint threads, jint passes) {
  (void)type;
  calm_linear w = {outputs, inputs, group, (inputs + group - 1) / group, address(env, codes),
                   address(env, grids), NULL};
  return calm_bench_linear(variant, &w, copies, rows, threads, passes);
}
