/* Checks the kernels between the products: rounding, norms, rotation, gating. */
#include "driver.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3 }; /* the middle one is written */

/* ---- rounding to int8 ---- */

static float activation(int kind) {
  float x = driver_uniform();
  switch (kind) {
    case 0:
      return 0;
    case 1:
      return -2.5f;
    case 2:
      return copysignf(0x1.fffffep127f, x);
    case 3:
      return copysignf(0x1.fffffep-101f, x); /* the largest that is taken for zero */
    case 4:
      return copysignf(0x1p-100f, x);
    case 5:
      return driver_below(60) ? x * 1e-3f : x * 1e5f;
    case 6:
      return (float)(driver_below(255) - 127) + 0.5f; /* ties */
    default:
      return driver_number();
  }
}

static calm_rows target_rows(int group, int groups) {
  calm_rows rows = {.group = group, .groups = groups};
  rows.stride = calm_row_stride((size_t)group * (size_t)groups);
  size_t bytes = (ROWS - 1) * rows.stride + (size_t)group * (size_t)groups;
  rows.codes = driver_aligned(bytes);
  memset(rows.codes, 0x55, bytes);
  rows.scales = driver_floats(ROWS * (size_t)groups);
  rows.sums = driver_floats(ROWS * (size_t)groups);
  return rows;
}

static void expect_rounded(const float *x, int inputs, int per_token, calm_rows *target) {
  int8_t *codes = target->codes + target->stride;
  for (int j = 0; j < target->groups; j++) {
    int first = j * target->group, count = inputs - first;
    count = count < target->group ? count : target->group;
    float scale = per_token ? driver_scale(x, inputs) : driver_scale(x + first, count);
    float sum = 0;
    for (int i = 0; i < target->group; i++) {
      float code = i < count ? driver_round_code(x[first + i], scale) : 0;
      codes[first + i] = (int8_t)code;
      sum += code;
    }
    target->scales[target->groups + j] = scale;
    target->sums[target->groups + j] = sum;
  }
}

static void check_quantize(const calm_kernels *k, int per_token) {
  int group = 32 << driver_below(3), inputs = 1 + driver_below(400);
  int groups = (inputs + group - 1) / group, kind = driver_below(9);
  driver_describe("%d inputs in groups of %d, per token %d, of kind %d", inputs, group, per_token,
                  kind);
  float *x = driver_floats((size_t)inputs);
  for (int i = 0; i < inputs; i++) {
    x[i] = activation(kind);
  }
  calm_rows expected = target_rows(group, groups), actual = target_rows(group, groups);
  expect_rounded(x, inputs, per_token, &expected);
  int finite = k->quantize(x, inputs, per_token, &actual, 1, 0, groups);
  driver_same_int("quantize finds numbers", 1, finite);
  size_t bytes = (ROWS - 1) * expected.stride + (size_t)group * (size_t)groups;
  driver_same_bytes("quantize, codes", expected.codes, actual.codes, bytes);
  driver_same_floats("quantize, scales", expected.scales, actual.scales, ROWS * (size_t)groups);
  driver_same_floats("quantize, sums", expected.sums, actual.sums, ROWS * (size_t)groups);

  int at = driver_below(inputs), bad = driver_below(3);
  x[at] = bad == 0 ? NAN : bad == 1 ? INFINITY : -INFINITY;
  driver_same_int("quantize finds what is no number", 0,
                  k->quantize(x, inputs, per_token, &actual, 1, 0, groups));
  driver_same_int("finite finds what is no number", 0, k->finite(x, (size_t)inputs));
  x[at] = 0x1.fffffep127f;
  driver_same_int("finite", 1, k->finite(x, (size_t)inputs));
}

/* ---- rows of float32 ---- */

static void check_norm(const calm_kernels *k) {
  int width = 1 + driver_below(200);
  float epsilon = 1e-5f;
  driver_describe("%d wide", width);
  float *x = driver_numbers((size_t)width), *weight = driver_numbers((size_t)width);
  float *expected = driver_floats((size_t)width), *actual = driver_floats((size_t)width);
  double squares[16] = {0};
  for (int i = 0; i < width; i++) {
    squares[i % 16] += (double)x[i] * x[i];
  }
  for (int half = 8; half > 0; half /= 2) {
    for (int lane = 0; lane < half; lane++) {
      squares[lane] += squares[lane + half];
    }
  }
  float inverse = (float)(1 / sqrt(squares[0] / width + (double)epsilon));
  for (int i = 0; i < width; i++) {
    float scaled = x[i] * inverse;
    expected[i] = scaled * weight[i];
  }
  k->rms_norm(x, weight, actual, width, epsilon);
  driver_same_floats("rms_norm", expected, actual, (size_t)width);
  k->rms_norm(x, weight, x, width, epsilon);
  driver_same_floats("rms_norm in place", expected, x, (size_t)width);
}

static void check_rotate(const calm_kernels *k) {
  int half = 1 + driver_below(70);
  driver_describe("%d pairs", half);
  float *head = driver_numbers(2 * (size_t)half), *expected = driver_floats(2 * (size_t)half);
  float *cosines = driver_floats((size_t)half), *sines = driver_floats((size_t)half);
  for (int i = 0; i < half; i++) {
    cosines[i] = driver_uniform();
    sines[i] = driver_uniform();
    float ac = head[i] * cosines[i], bs = head[half + i] * sines[i];
    float bc = head[half + i] * cosines[i], as = head[i] * sines[i];
    expected[i] = ac - bs;
    expected[half + i] = bc + as;
  }
  k->rotate(head, cosines, sines, half);
  driver_same_floats("rotate", expected, head, 2 * (size_t)half);
}

static void check_gate(const calm_kernels *k) {
  int width = 1 + driver_below(100);
  driver_describe("%d wide", width);
  float *gate = driver_numbers((size_t)width), *up = driver_numbers((size_t)width);
  float *expected = driver_floats((size_t)width), *actual = driver_floats((size_t)width);
  for (int i = 0; i < width; i++) {
    gate[i] = driver_below(3) ? gate[i] : driver_uniform() * 130; /* both ends of e^x */
    float gated = gate[i] / (1 + driver_exp(-gate[i]));
    expected[i] = gated * up[i];
  }
  k->swiglu(gate, up, actual, width);
  driver_same_floats("swiglu", expected, actual, (size_t)width);
}

static void check_sums(const calm_kernels *k) {
  int width = 1 + driver_below(100);
  driver_describe("%d wide", width);
  float *x = driver_numbers((size_t)width), *y = driver_numbers((size_t)width);
  float *sum = driver_floats((size_t)width), *quotient = driver_floats((size_t)width);
  float *actual = driver_floats((size_t)width), divisor = 1 + fabsf(driver_number());
  for (int i = 0; i < width; i++) {
    sum[i] = x[i] + y[i];
    quotient[i] = x[i] / divisor;
  }
  k->divide(x, divisor, actual, width);
  driver_same_floats("divide", quotient, actual, (size_t)width);
  k->add(x, y, width);
  driver_same_floats("add", sum, x, (size_t)width);
}

static void check_weigh(const calm_kernels *k) {
  int count = 1 + driver_below(2100);
  driver_describe("%d weights", count);
  float *x = driver_numbers((size_t)count), largest = -INFINITY, lanes[16];
  for (int i = 0; i < count; i++) {
    x[i] = driver_below(3) ? x[i] : driver_uniform() * 130;
    largest = x[i] > largest ? x[i] : largest;
  }
  double sum = 0;
  for (int first = 0; first < count; first += 1024) {
    memset(lanes, 0, sizeof lanes);
    for (int i = first; i < count && i < first + 1024; i++) {
      lanes[i % 16] += driver_exp(x[i] - largest);
    }
    for (int half = 8; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
      }
    }
    sum += lanes[0];
  }
  float expected[2] = {largest, (float)sum};
  calm_partial actual;
  driver_same_int("weigh finds numbers", 1, k->weigh(x, (size_t)count, &actual));
  driver_same_floats("weigh", expected, (float[]){actual.max, actual.sum}, 2);
  x[driver_below(count)] = driver_below(2) ? NAN : -INFINITY;
  driver_same_int("weigh finds what is no number", 0, k->weigh(x, (size_t)count, &actual));
}

void driver_vectors(const calm_kernels *k) {
  for (int i = 0; i < 6; i++) {
    check_quantize(k, i % 2);
    check_norm(k);
    check_rotate(k);
    check_gate(k);
    check_sums(k);
    check_weigh(k);
  }
}
