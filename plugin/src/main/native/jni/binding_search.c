/*
 * The JNI entry points of io.calm.kernels.NativeSearchKernels and BlockKernels. Matrices are
 * float32 and lie outside the heap.
 */
#include "search.h"
#include "windows.h"

#include <jni.h>
#include <math.h>
#include <stdlib.h>

static float *row_of(JNIEnv *env, jobject matrix, jint row, jint inputs) {
  float *values = (*env)->GetDirectBufferAddress(env, matrix);
  return values + (size_t)row * (size_t)inputs;
}

static void out_of_memory(JNIEnv *env) {
  (*env)->ThrowNew(env, (*env)->FindClass(env, "java/lang/OutOfMemoryError"), "native scratch");
}

/* Elements of an array copied to memory of its own; NULL: there is none. */
static float *copy_of(JNIEnv *env, jfloatArray array, jsize from, jsize count) {
  float *copy = malloc((size_t)count * sizeof(float));
  if (copy) {
    (*env)->GetFloatArrayRegion(env, array, from, count, copy);
  }
  return copy;
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_fitGrids(
    JNIEnv *env, jclass type, jint variant, jobject weight, jint inputs, jint from, jint to,
    jint group, jfloatArray importance, jfloatArray starts, jint rounds, jfloatArray scales,
    jfloatArray minimums) {
  (void)type;
  jsize groups = (inputs + group - 1) / group, count = (to - from) * groups;
  jsize start_count = (*env)->GetArrayLength(env, starts);
  float *begin = copy_of(env, starts, 0, start_count);
  float *h = importance ? copy_of(env, importance, 0, inputs) : NULL;
  float *grids = malloc(2 * (size_t)count * sizeof(float));
  if (begin && grids && (h || !importance)) {
    const float *rows = row_of(env, weight, from, inputs);
    calm_variant_search_kernels(variant)->fit_grids(rows, to - from, inputs, group, h, begin,
                                                    start_count, rounds, grids, grids + count);
    (*env)->SetFloatArrayRegion(env, scales, from * groups, count, grids);
    (*env)->SetFloatArrayRegion(env, minimums, from * groups, count, grids + count);
  } else {
    out_of_memory(env);
  }
  free(begin);
  free(h);
  free(grids);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_encode(
    JNIEnv *env, jclass type, jint variant, jobject weight, jint inputs, jint from, jint to,
    jint group, jfloatArray scales, jfloatArray minimums, jbyteArray codes) {
  (void)type;
  const calm_search_kernels *k = calm_variant_search_kernels(variant);
  jsize groups = (inputs + group - 1) / group, count = (to - from) * groups;
  float *s = copy_of(env, scales, from * groups, count);
  float *m = copy_of(env, minimums, from * groups, count);
  int8_t *row_codes = malloc((size_t)inputs);
  if (s && m && row_codes) {
    for (jint row = from; row < to; row++) {
      float *w = row_of(env, weight, row, inputs);
      size_t at = (size_t)(row - from) * (size_t)groups;
      k->encode(w, inputs, group, s + at, m + at, row_codes);
      (*env)->SetByteArrayRegion(env, codes, row * inputs, inputs, row_codes);
    }
  } else {
    out_of_memory(env);
  }
  free(s);
  free(m);
  free(row_codes);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_roundInputs(
    JNIEnv *env, jclass type, jint variant, jobject rows, jint inputs, jint from, jint to,
    jint group) {
  (void)type;
  const calm_search_kernels *k = calm_variant_search_kernels(variant);
  for (jint row = from; row < to; row++) {
    k->round_inputs(row_of(env, rows, row, inputs), inputs, group);
  }
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_addTile(
    JNIEnv *env, jclass type, jint variant, jdoubleArray left, jdoubleArray right, jint height,
    jint width, jint depth, jdoubleArray product) {
  (void)type;
  double *a = (*env)->GetPrimitiveArrayCritical(env, left, NULL);
  double *b = (*env)->GetPrimitiveArrayCritical(env, right, NULL);
  double *c = (*env)->GetPrimitiveArrayCritical(env, product, NULL);
  if (a && b && c) {
    calm_variant_search_kernels(variant)->add_tile(a, b, height, width, depth, c);
  }
  if (c) {
    (*env)->ReleasePrimitiveArrayCritical(env, product, c, 0);
  }
  if (b) {
    (*env)->ReleasePrimitiveArrayCritical(env, right, b, JNI_ABORT);
  }
  if (a) {
    (*env)->ReleasePrimitiveArrayCritical(env, left, a, JNI_ABORT);
  }
}

/* Rows that are not finite give NaN, as a product of float32 would. */
static void spoil(float *y, size_t count) {
  for (size_t i = 0; i < count; i++) {
    y[i] = NAN;
  }
}

static void multiply_rows(const calm_kernels *k, const calm_linear *w, calm_rows *rows,
                          int per_token, int count, const float *x, float *y, void *scratch) {
  uint8_t failed[CALM_LINEAR_ROWS];
  for (int row = 0; row < count; row++) {
    const float *input = x + (size_t)row * (size_t)w->inputs;
    failed[row] = !k->quantize(input, w->inputs, per_token, rows, row, 0, w->groups);
  }
  k->multiply4(w, rows, count, 0, (w->outputs + CALM_TILE - 1) / CALM_TILE, y, (size_t)w->outputs,
               scratch);
  for (int row = 0; row < count; row++) {
    if (failed[row]) {
      spoil(y + (size_t)row * (size_t)w->outputs, (size_t)w->outputs);
    }
  }
}

JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_multiply(
    JNIEnv *env, jclass type, jint variant, jint outputs, jint inputs, jint group, jobject codes,
    jobject grids, jfloatArray bias, jboolean per_token, jobject x, jint from, jint to, jobject y) {
  (void)type;
  const calm_kernels *k = calm_variant_kernels(variant);
  jsize groups = (inputs + group - 1) / group, biases = (*env)->GetArrayLength(env, bias);
  calm_linear w = {outputs, inputs, group, groups, (*env)->GetDirectBufferAddress(env, codes),
                   (*env)->GetDirectBufferAddress(env, grids), NULL};
  calm_rows rows = {.group = group, .groups = groups};
  rows.stride = calm_row_stride((size_t)group * (size_t)groups);
  size_t bytes = CALM_LINEAR_ROWS * rows.stride;
  size_t scales = CALM_LINEAR_ROWS * (size_t)groups * sizeof(float);
  void *memory = NULL, *scratch = NULL;
  float *added = biases ? copy_of(env, bias, 0, biases) : NULL;
  w.bias = added;
  if ((added || !biases) && posix_memalign(&memory, 64, bytes + 2 * scales) == 0 &&
      posix_memalign(&scratch, 64, k->scratch_bytes((int32_t)rows.stride) + 64) == 0) {
    rows.codes = memory;
    rows.scales = (float *)((char *)memory + bytes);
    rows.sums = rows.scales + CALM_LINEAR_ROWS * (size_t)groups;
    for (jint row = from; row < to; row += CALM_LINEAR_ROWS) {
      int count = to - row < CALM_LINEAR_ROWS ? to - row : CALM_LINEAR_ROWS;
      multiply_rows(k, &w, &rows, per_token, count, row_of(env, x, row, inputs),
                    row_of(env, y, row, outputs), scratch);
    }
  } else {
    out_of_memory(env);
  }
  free(added);
  free(memory);
  free(scratch);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_walkColumns(
    JNIEnv *env, jclass type, jint variant, jobject columns, jint outputs, jint first, jint count,
    jint from, jint to, jfloatArray factor, jobject scales, jobject minimums, jintArray groups,
    jobject errors, jobject codes) {
  (void)type;
  int32_t group_of[CALM_WALK];
  (*env)->GetIntArrayRegion(env, groups, 0, count, group_of);
  float *upper = copy_of(env, factor, 0, count * count);
  if (!upper) {
    out_of_memory(env);
    return;
  }
  int8_t *code = (*env)->GetDirectBufferAddress(env, codes);
  calm_walk walk = {.columns = count,
                    .outputs = (size_t)outputs,
                    .weights = row_of(env, columns, first, outputs),
                    .factor = upper,
                    .scales = row_of(env, scales, 0, outputs),
                    .minimums = row_of(env, minimums, 0, outputs),
                    .groups = group_of,
                    .errors = row_of(env, errors, 0, outputs),
                    .codes = code + (size_t)first * (size_t)outputs};
  calm_variant_search_kernels(variant)->walk_columns(&walk, (size_t)from, (size_t)to);
  free(upper);
}

/*
 * ints: offset, row and column step of a, likewise of b; offset and row step of c; depth, fresh;
 * rows from, to; columns from, to.
 */
JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_addProduct(
    JNIEnv *env, jclass type, jint variant, jobject a, jobject b, jobject c, jfloat alpha,
    jintArray ints) {
  (void)type;
  jint s[14];
  (*env)->GetIntArrayRegion(env, ints, 0, 14, s);
  calm_product product = {.a = row_of(env, a, s[0], 1),
                          .b = row_of(env, b, s[3], 1),
                          .c = row_of(env, c, s[6], 1),
                          .a_row = s[1],
                          .a_step = s[2],
                          .b_step = s[4],
                          .b_column = s[5],
                          .c_row = s[7],
                          .depth = s[8],
                          .fresh = s[9],
                          .alpha = alpha};
  const int32_t part[] = {s[10], s[11], s[12], s[13]};
  void *scratch = NULL;
  if (posix_memalign(&scratch, 64, CALM_PRODUCT_FLOATS * sizeof(float)) != 0) {
    out_of_memory(env);
    return;
  }
  calm_variant_search_kernels(variant)->add_product(&product, part, scratch);
  free(scratch);
}

/* sums: [rows][5] peak, total, cross, other peak, other total, of the rows from .. to. */
JNIEXPORT void JNICALL Java_io_calm_kernels_NativeSearchKernels_addDivergence(
    JNIEnv *env, jclass type, jint variant, jobject reference, jobject candidate, jint width,
    jint from, jint to, jdoubleArray sums) {
  (void)type;
  for (jint row = from; row < to; row++) {
    jdouble v[5];
    (*env)->GetDoubleArrayRegion(env, sums, 5 * row, 5, v);
    calm_divergence d = {.peak = (float)v[0],
                         .total = v[1],
                         .cross = v[2],
                         .other_peak = (float)v[3],
                         .other_total = v[4]};
    calm_variant_search_kernels(variant)->add_divergence(
        row_of(env, reference, row, width), row_of(env, candidate, row, width), width, &d);
    const jdouble after[] = {d.peak, d.total, d.cross, d.other_peak, d.other_total};
    (*env)->SetDoubleArrayRegion(env, sums, 5 * row, 5, after);
  }
}

JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_addGram(JNIEnv *env, jclass type,
                                                                 jint variant, jobject x, jint rows,
                                                                 jint width, jint from, jint to,
                                                                 jobject gram) {
  (void)type;
  size_t padded = ((size_t)width / CALM_GRAM_PANEL + 1) * CALM_GRAM_PANEL;
  void *scratch = NULL;
  if (posix_memalign(&scratch, 64, 128 * padded * sizeof(float)) != 0) {
    out_of_memory(env);
    return;
  }
  calm_variant_search_kernels(variant)->add_gram(row_of(env, x, 0, width), rows, width, from, to,
                                    row_of(env, gram, 0, width), scratch);
  free(scratch);
}

/* Copies the upper half of a symmetric matrix to the lower, square by square. */
JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_mirror(JNIEnv *env, jclass type,
                                                                jobject matrix, jint width) {
  (void)type;
  enum { SQUARE = 32 };
  float *m = row_of(env, matrix, 0, width);
  size_t size = (size_t)width;
  for (size_t i = 0; i < size; i += SQUARE) {
    for (size_t j = i; j < size; j += SQUARE) {
      for (size_t row = i; row < size && row < i + SQUARE; row++) {
        size_t end = j + SQUARE < size ? j + SQUARE : size;
        for (size_t column = j > row ? j : row + 1; column < end; column++) {
          m[column * size + row] = m[row * size + column];
        }
      }
    }
  }
}

/*
 * ints: heads, key-value heads, head_dim, length, seen, whether keys and values stay float32.
 * Items: key-value heads of windows.
 */
JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_attend(
    JNIEnv *env, jclass type, jint variant, jintArray ints, jfloat epsilon, jobject rotary,
    jobject q_norm, jobject k_norm, jobject q, jobject k, jobject v, jint from, jint to,
    jobject y) {
  (void)type;
  jint s[6];
  (*env)->GetIntArrayRegion(env, ints, 0, 6, s);
  calm_windows w = {.heads = s[0],
                    .kv_heads = s[1],
                    .head_dim = s[2],
                    .length = s[3],
                    .seen = s[4],
                    .epsilon = epsilon,
                    .rotary = (*env)->GetDirectBufferAddress(env, rotary)};
  w.q_norm = q_norm ? (*env)->GetDirectBufferAddress(env, q_norm) : NULL;
  w.k_norm = k_norm ? (*env)->GetDirectBufferAddress(env, k_norm) : NULL;
  void *scratch = NULL;
  size_t bytes = s[5] ? calm_float_window_scratch(&w) : calm_window_scratch(&w);
  if (posix_memalign(&scratch, 64, bytes) != 0) {
    out_of_memory(env);
    return;
  }
  jint width = w.heads * w.head_dim, kv_width = w.kv_heads * w.head_dim;
  for (jint item = from; item < to; item++) {
    jint row = item / w.kv_heads * w.length;
    float *queries = row_of(env, q, row, width), *target = row_of(env, y, row, width);
    float *keys = row_of(env, k, row, kv_width), *values = row_of(env, v, row, kv_width);
    if (s[5]) {
      calm_attend_float_window(calm_variant_kernels(variant), calm_variant_search_kernels(variant),
                               &w, item % w.kv_heads, queries, keys, values, target, scratch);
    } else {
      calm_attend_window(calm_variant_kernels(variant), &w, item % w.kv_heads, queries, keys,
                         values, target, scratch);
    }
  }
  free(scratch);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_norm(
    JNIEnv *env, jclass type, jint variant, jobject x, jobject weight, jfloat epsilon, jint width,
    jint from, jint to, jobject y) {
  (void)type;
  const float *w = (*env)->GetDirectBufferAddress(env, weight);
  const float *input = row_of(env, x, from, width);
  float *output = row_of(env, y, from, width);
  for (jint row = from; row < to; row++, input += width, output += width) {
    calm_variant_kernels(variant)->rms_norm(input, w, output, width, epsilon);
  }
}

/* Elements from (inclusive) to (exclusive). */
JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_gate(
    JNIEnv *env, jclass type, jint variant, jobject gate, jobject up, jint from, jint to,
    jobject y) {
  (void)type;
  calm_variant_kernels(variant)->swiglu(row_of(env, gate, from, 1), row_of(env, up, from, 1),
                                  row_of(env, y, from, 1), to - from);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_add(JNIEnv *env, jclass type, jint variant,
                                                             jobject target, jobject addend,
                                                             jint from, jint to) {
  (void)type;
  calm_variant_kernels(variant)->add(row_of(env, target, from, 1), row_of(env, addend, from, 1),
                               to - from);
}

JNIEXPORT void JNICALL Java_io_calm_kernels_BlockKernels_columnStatistics(
    JNIEnv *env, jclass type, jint variant, jobject x, jint rows, jint width, jint from, jint to,
    jobject target) {
  (void)type;
  float *sums = row_of(env, target, 0, width);
  calm_variant_search_kernels(variant)->column_statistics(row_of(env, x, 0, width), rows, width,
                                                          from, to, sums);
}
