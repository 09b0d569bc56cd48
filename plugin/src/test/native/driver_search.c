/*
 * Checks the kernels of a search: grids, codes, rounded inputs, float64 tiles, float32 products, KL
 * divergences.
 */
#include "driver.h"

#include <math.h>
#include <string.h>

static const float STARTS[] = {1, 0.9f};

static float code_of(float w, float scale, float minimum) {
  float x = (w - minimum) * (1 / scale);
  return x <= 0 ? 0 : x >= 15 ? 15 : floorf(x + 0.5f);
}

/*
 * One round: the squared error of a grid, and the least-squares grid of its codes in `next`, which
 * holds the scale before it was rounded.
 */
static double round_once(const float *w, const float *h, int count, float s, float m, float *next) {
  double sums[6] = {0};
  for (int k = 0; k < count; k++) {
    float code = code_of(w[k], s, m), weight = h ? h[k] : 1, off = w[k] - (s * code + m);
    sums[0] += weight * off * off;
    sums[1] += weight;
    sums[2] += weight * code;
    sums[3] += weight * code * code;
    sums[4] += weight * w[k];
    sums[5] += weight * code * w[k];
  }
  double determinant = sums[3] * sums[1] - sums[2] * sums[2];
  if (determinant > 1e-9 * sums[3] * sums[1]) { /* else next[0] stays */
    next[0] = fmaxf((float)((sums[5] * sums[1] - sums[2] * sums[4]) / determinant), 0x1p-14f);
  }
  next[1] = (float)((sums[4] - (double)next[0] * sums[2]) / sums[1]);
  return sums[0];
}

static void fit(const float *w, const float *h, int count, int rounds, float *scale,
                float *minimum) {
  float low = INFINITY, high = -INFINITY;
  double min = INFINITY, sum_h = 0, sum_w = 0;
  *scale = *minimum = 0;
  for (int k = 0; k < count; k++) {
    float weight = h ? h[k] : 1;
    low = fminf(low, w[k]);
    high = fmaxf(high, w[k]);
    sum_h += weight;
    sum_w += weight * w[k];
    if (!(fabsf(w[k]) <= 65504)) {
      return;
    }
  }
  for (int start = 0; start < 2; start++) {
    float span = (high - low) * STARTS[start];
    float s = fmaxf(span / 15, 0x1p-14f), m = ((low + high) / 2 + 0.0f) - span / 2;
    m = high - low < 2 * 0x1p-14f && STARTS[start] < 1 ? (float)(sum_w / sum_h) : m;
    for (int round = 0; round < rounds; round++) {
      float next[2] = {s}, half_s = driver_round_half(s), half_m = driver_round_half(m);
      double squared = round_once(w, h, count, half_s, half_m, next);
      if (squared < min) {
        min = squared;
        *scale = half_s;
        *minimum = half_m;
      }
      if (next[0] == s && next[1] == m) {
        break;
      }
      s = next[0];
      m = next[1];
    }
  }
}

static void check_grids(const calm_search_kernels *k) {
  int outputs = 1 + driver_below(40), inputs = 1 + driver_below(200), group = 32 << driver_below(3);
  int groups = (inputs + group - 1) / group, rounds = 1 + driver_below(6);
  size_t count = (size_t)outputs * (size_t)inputs, grids = (size_t)outputs * (size_t)groups;
  driver_describe("grids: [%d, %d], group %d, %d rounds", outputs, inputs, group, rounds);
  float *w = driver_floats(count), *h = NULL;
  for (size_t i = 0; i < count; i++) {
    w[i] = driver_uniform() * (driver_below(90) ? 1 : 50) * (i % (size_t)inputs < 32 ? 1e-5f : 1);
  }
  w[driver_below((int)count)] = driver_below(3) ? 1 : NAN;
  if (driver_below(2)) {
    h = driver_floats((size_t)inputs);
    for (int i = 0; i < inputs; i++) {
      h[i] = 1e-3f + fabsf(driver_uniform());
    }
  }
  float *expected = driver_floats(2 * grids), *actual = driver_floats(2 * grids);
  k->fit_grids(w, outputs, inputs, group, h, STARTS, 2, rounds, actual, actual + grids);
  int8_t *codes = driver_aligned((size_t)inputs), *got = driver_aligned((size_t)inputs);
  for (int n = 0; n < outputs; n++) {
    float *row = w + (size_t)n * (size_t)inputs;
    float *s = expected + (size_t)n * (size_t)groups, *m = s + grids;
    for (int j = 0; j < groups; j++) {
      int from = j * group, here = inputs - from < group ? inputs - from : group;
      fit(row + from, h ? h + from : NULL, here, rounds, s + j, m + j);
    }
  }
  driver_same_floats("grids", expected, actual, 2 * grids);
  for (int i = 0; i < groups; i++) {
    expected[i] = expected[i] == 0 ? 1 : expected[i];
  }
  for (int i = 0; i < inputs; i++) {
    w[i] = isnan(w[i]) ? 2 : w[i];
    float s = expected[i / group], m = expected[grids + (size_t)(i / group)];
    codes[i] = (int8_t)code_of(w[i], s, m);
  }
  k->encode(w, inputs, group, expected, expected + grids, got);
  driver_same_bytes("codes", codes, got, (size_t)inputs);
}

/* A number that no model has, but for the zeros. */
static float unusual(void) {
  const float numbers[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f};
  return numbers[driver_below(5)];
}

static void check_inputs(const calm_search_kernels *k) {
  int inputs = 1 + driver_below(200), group = driver_below(2) ? inputs : 32;
  driver_describe("inputs: %d, group %d", inputs, group);
  float *x = driver_numbers((size_t)inputs), *expected = driver_floats((size_t)inputs);
  if (!driver_below(4)) {
    x[driver_below(inputs)] = unusual();
  }
  for (int from = 0; from < inputs; from += group) {
    int count = inputs - from < group ? inputs - from : group;
    float scale = driver_scale(x + from, count);
    int finite = 1;
    for (int i = from; i < from + count; i++) {
      expected[i] = driver_round_code(x[i], scale) * scale + 0.0f;
      finite = finite && isfinite(x[i]);
    }
    for (int i = from; i < from + count && !finite; i++) {
      expected[i] = NAN;
    }
  }
  k->round_inputs(x, inputs, group);
  driver_same_floats("rounded inputs", expected, x, (size_t)inputs);
}

static double *doubles_of(size_t count) {
  double *values = driver_aligned(count * sizeof(double));
  for (size_t i = 0; i < count; i++) {
    values[i] = driver_uniform();
  }
  return values;
}

static void check_tile(const calm_search_kernels *k) {
  int height = 1 + driver_below(20), width = 1 + driver_below(40);
  int depth = 8 * (1 + driver_below(4));
  size_t size = (size_t)height * (size_t)width;
  driver_describe("tile: [%d, %d], depth %d", height, width, depth);
  double *left = doubles_of((size_t)depth * (size_t)height);
  double *right = doubles_of((size_t)depth * (size_t)width);
  double *expected = doubles_of(size), *actual = driver_aligned(size * sizeof(double));
  memcpy(actual, expected, size * sizeof(double));
  for (int step = 0; step < depth; step += 8) {
    for (size_t at = 0; at < size; at++) {
      double pairs[4];
      for (int p = 0; p < 4; p++) {
        const double *a = left + (size_t)(step + 2 * p) * (size_t)height + at / (size_t)width;
        const double *b = right + (size_t)(step + 2 * p) * (size_t)width + at % (size_t)width;
        pairs[p] = *a * *b + a[height] * b[width];
      }
      expected[at] += (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]);
    }
  }
  k->add_tile(left, right, height, width, depth, actual);
  driver_same_bytes("tile", expected, actual, size * sizeof(double));
}

/* A matrix with its elements in order, or transposed. */
static float *operand_of(int rows, int columns, ptrdiff_t *row, ptrdiff_t *column) {
  int transposed = driver_below(2);
  size_t count = (size_t)rows * (size_t)columns;
  float *values = driver_floats(count);
  for (size_t i = 0; i < count; i++) {
    values[i] = driver_uniform();
  }
  *row = transposed ? 1 : columns;
  *column = transposed ? rows : 1;
  return values;
}

static void check_product(const calm_search_kernels *k) {
  int rows = 1 + driver_below(40), columns = 1 + driver_below(80);
  int depth = 1 + driver_below(driver_below(4) ? 40 : 600);
  calm_product p = {.c_row = columns, .depth = depth, .fresh = driver_below(2), .alpha = -0.75f};
  p.a = operand_of(rows, depth, &p.a_row, &p.a_step);
  p.b = operand_of(depth, columns, &p.b_step, &p.b_column);
  const int32_t part[] = {driver_below(rows), rows, driver_below(columns), columns};
  driver_describe("product: [%d, %d, %d], from row %d, column %d", rows, depth, columns, part[0],
                  part[2]);
  size_t size = (size_t)rows * (size_t)columns;
  float *expected = driver_floats(size), *scratch = driver_aligned(CALM_PRODUCT_FLOATS * 4);
  p.c = driver_floats(size);
  for (size_t i = 0; i < size; i++) {
    expected[i] = p.c[i] = driver_uniform();
  }
  for (int i = part[0]; i < rows; i++) {
    for (int j = part[2]; j < columns; j++) {
      for (int step = 0; step < depth; step += CALM_PRODUCT_CHUNK) {
        float sum = 0, *at = expected + i * columns + j;
        for (int s = step; s < depth && s < step + CALM_PRODUCT_CHUNK; s++) {
          sum = fmaf(p.a[i * p.a_row + s * p.a_step], p.b[s * p.b_step + j * p.b_column], sum);
        }
        *at = p.fresh && step == 0 ? p.alpha * sum : fmaf(p.alpha, sum, *at);
      }
    }
  }
  k->add_product(&p, part, scratch);
  driver_same_floats("product", expected, p.c, size);
}

static double sum_of_lanes(double *v) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      v[i] += v[i + half];
    }
  }
  return v[0];
}

/* A logit of a band: one of the zeros, with a few unusual ones, or finite. */
static float logit(int kind) {
  return kind == 0   ? (driver_below(2) ? 0.0f : -0.0f)
         : kind == 1 ? (driver_below(100) ? 20 * driver_uniform() : unusual())
                     : 20 * driver_uniform();
}

/* NaN if a number is, and +0 above -0. */
static float larger(float a, float b) {
  return a != a || b != b ? NAN : a > b || (a == b && !signbit(a)) ? a : b;
}

static void same_number(const char *what, double expected, double actual) {
  if (expected == expected || actual == actual) { /* any NaN is the NaN */
    driver_same_bytes(what, &expected, &actual, sizeof expected);
  }
}

static void check_divergence(const calm_search_kernels *k) {
  calm_divergence expected = {-INFINITY, -INFINITY, 0, 0, 0}, actual = expected;
  int kind = driver_below(5);
  for (int band = 0; band < 3; band++) {
    int count = 1 + driver_below(100);
    driver_describe("divergence: band %d of %d logits", band, count);
    float *a = driver_floats((size_t)count), *b = driver_floats((size_t)count);
    float peak = expected.peak, other = expected.other_peak;
    for (int i = 0; i < count; i++) {
      a[i] = logit(kind);
      b[i] = logit(kind);
      peak = larger(peak, a[i]);
      other = larger(other, b[i]);
    }
    double sums[3][16] = {{0}};
    for (int i = 0; i < count; i++) {
      float weight = driver_exp(a[i] - peak);
      sums[0][i % 16] += weight;
      sums[1][i % 16] += weight * (a[i] - b[i]);
      sums[2][i % 16] += driver_exp(b[i] - other);
    }
    double kept = driver_exp(expected.peak - peak), left = driver_exp(expected.other_peak - other);
    expected.total = expected.total * kept + sum_of_lanes(sums[0]);
    expected.cross = expected.cross * kept + sum_of_lanes(sums[1]);
    expected.other_total = expected.other_total * left + sum_of_lanes(sums[2]);
    expected.peak = peak;
    expected.other_peak = other;
    k->add_divergence(a, b, count, &actual);
    same_number("peak", expected.peak, actual.peak);
    same_number("total", expected.total, actual.total);
    same_number("cross", expected.cross, actual.cross);
    same_number("the candidate's peak", expected.other_peak, actual.other_peak);
    same_number("the candidate's total", expected.other_total, actual.other_total);
  }
}

static void check_walk(const calm_search_kernels *k) {
  int columns = 1 + driver_below(40), outputs = 1 + driver_below(40), groups = 3;
  size_t size = (size_t)columns * (size_t)outputs, grids = (size_t)groups * (size_t)outputs;
  driver_describe("walk: [%d, %d]", columns, outputs);
  float *w = driver_floats(size), *scales = driver_floats(grids), *minimums = driver_floats(grids);
  float *factor = driver_floats((size_t)columns * (size_t)columns);
  float *errors = driver_floats(size), *expected = driver_floats(size);
  int8_t *codes = driver_aligned(size), *expected_codes = driver_aligned(size);
  int32_t *group_of = driver_aligned((size_t)columns * sizeof(int32_t));
  for (size_t i = 0; i < size; i++) {
    w[i] = driver_uniform();
  }
  for (size_t i = 0; i < grids; i++) {
    scales[i] = 0.1f + 0.05f * driver_uniform();
    minimums[i] = driver_uniform() - 0.5f;
  }
  for (int i = 0; i < columns * columns; i++) {
    factor[i] = i % (columns + 1) ? 0.1f * driver_uniform() : 1.5f + driver_uniform();
  }
  for (int i = 0; i < columns; i++) {
    group_of[i] = driver_below(groups);
  }
  calm_walk walk = {columns, (size_t)outputs, w,      factor, scales,
                    minimums, group_of,       errors, codes};
  k->walk_columns(&walk, 0, (size_t)outputs);
  for (int i = 0; i < columns; i++) {
    for (int n = 0; n < outputs; n++) {
      int at = i * outputs + n, grid = group_of[i] * outputs + n;
      float code = code_of(w[at], scales[grid], minimums[grid]);
      float error = w[at] - (scales[grid] * code + minimums[grid]);
      error *= 1 / factor[i * columns + i];
      for (int j = i + 1; j < columns; j++) {
        w[j * outputs + n] -= factor[i * columns + j] * error;
      }
      expected[at] = error;
      expected_codes[at] = (int8_t)code;
    }
  }
  driver_same_floats("errors", expected, errors, size);
  driver_same_bytes("codes", expected_codes, codes, size);
}

static double distance_to(double expected, float actual) {
  return fabs(expected - (double)actual) / (1 + fabs(expected));
}

static void check_columns(const calm_search_kernels *k) {
  int rows = 1 + driver_below(300), width = 1 + driver_below(70);
  int panels = (width + CALM_GRAM_PANEL - 1) / CALM_GRAM_PANEL, from = driver_below(panels);
  driver_describe("columns: [%d, %d], from panel %d", rows, width, from);
  size_t w = (size_t)width;
  float *x = driver_floats((size_t)rows * w), *gram = driver_floats(w * w);
  float *scratch = driver_floats((size_t)(128 * panels * CALM_GRAM_PANEL));
  float *statistics = driver_floats(3 * w);
  for (size_t i = 0; i < (size_t)rows * w; i++) {
    x[i] = driver_uniform();
  }
  memset(gram, 0, w * w * sizeof(float));
  k->add_gram(x, rows, width, from, panels, gram, scratch);
  k->column_statistics(x, rows, width, 0, width, statistics);
  for (int i = 0; i < width; i++) {
    double size = 0, peak = 0;
    for (int j = i; j < width; j++) {
      double sum = 0;
      for (int row = 0; row < rows; row++) {
        sum += (double)x[row * width + i] * x[row * width + j];
      }
      int there = i >= from * CALM_GRAM_PANEL;
      driver_same_int("gram", 1, distance_to(there ? sum : 0, gram[i * width + j]) < 1e-4);
      if (j == i) {
        driver_same_int("squares", 1, distance_to(sum / rows, statistics[2 * width + i]) < 1e-5);
      }
    }
    for (int row = 0; row < rows; row++) {
      size += fabs((double)x[row * width + i]);
      peak = fmax(peak, fabs((double)x[row * width + i]));
    }
    driver_same_int("mean", 1, distance_to(size / rows, statistics[i]) < 1e-5);
    driver_same_int("peak", 1, statistics[width + i] == (float)peak);
  }
}

void driver_searches(const calm_search_kernels *k) {
  check_columns(k);
  check_grids(k);
  check_walk(k);
  check_inputs(k);
  check_tile(k);
  check_product(k);
  check_divergence(k);
}
