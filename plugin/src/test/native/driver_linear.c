/* Checks products with int4 weights and with tables. */
#include "driver.h"

#include <math.h>
#include <string.h>

enum { ROWS = 33, MANY_ROWS = 512, PIECE_ROWS = CALM_LINEAR_ROWS };

typedef struct {
  int rows, group, groups, inputs, outputs, tiles, from, to;
  size_t padded, stride; /* of inputs; of y */
} shape;

/* Row counts for consecutive seeds: each of 1 .. 33, and 512 and 128 once. */
static int rows_of_seed(int group) {
  int row = (int)(driver_seed() % ROWS);
  return row == group / 32   ? MANY_ROWS
         : row == group / 16 ? PIECE_ROWS
                             : 1 + (row + group) % ROWS;
}

static shape roll_shape(int group) {
  int whole = 1 + driver_below(4);
  shape s = {.group = group, .rows = rows_of_seed(group)};
  switch (driver_below(5)) {
    case 0:
      s.inputs = group;
      break;
    case 1:
      s.inputs = group * whole;
      break;
    case 3: /* more than kernels unpack at a time */
      s.inputs = 500 + driver_below(1100);
      break;
    case 2:
      s.inputs = group * whole - 1 - driver_below(group - 1);
      break;
    default:
      s.inputs = 1 + driver_below(300);
      break;
  }
  s.outputs = 1 + driver_below(s.rows >= PIECE_ROWS ? 40 : 100);
  s.groups = (s.inputs + group - 1) / group;
  s.padded = (size_t)s.groups * (size_t)group;
  s.tiles = (s.outputs + 15) / 16;
  s.from = driver_below(2) ? 0 : driver_below(s.tiles + 1);
  s.to = driver_below(2) ? s.tiles : s.from + driver_below(s.tiles - s.from + 1);
  s.stride = (size_t)s.outputs + (size_t)driver_below(20);
  driver_describe("[%d, %d] in groups of %d, %d rows, tiles %d to %d", s.outputs, s.inputs,
                  s.group, s.rows, s.from, s.to);
  return s;
}

static int8_t roll_code(int kind) {
  switch (kind) {
    case 0:
      return 127;
    case 1:
      return -127;
    case 2:
      return 0;
    case 3:
      return driver_below(2) ? 127 : -127;
    default:
      return (int8_t)(driver_below(255) - 127);
  }
}

static float roll_scale(void) {
  switch (driver_below(8)) {
    case 0:
      return 0;
    case 1:
      return 0x1.fffffep126f / 127;
    case 2:
      return 0x1p-100f / 127;
    default:
      return fabsf(driver_number());
  }
}

/* Rounded rows, in memory that ends with the last row's codes. */
static calm_rows roll_rows(const shape *s) {
  calm_rows x = {.group = s->group, .groups = s->groups, .stride = calm_row_stride(s->padded)};
  size_t count = (size_t)s->rows * (size_t)s->groups;
  x.codes = driver_aligned((size_t)(s->rows - 1) * x.stride + s->padded);
  x.scales = driver_floats(count);
  x.sums = driver_floats(count);
  for (int row = 0; row < s->rows; row++) {
    int kind = driver_below(9);
    for (int j = 0; j < s->groups; j++) {
      int sum = 0;
      for (int k = j * s->group; k < (j + 1) * s->group && k < s->inputs; k++) {
        sum += x.codes[(size_t)row * x.stride + (size_t)k] = roll_code(kind);
      }
      x.scales[row * s->groups + j] = roll_scale();
      x.sums[row * s->groups + j] = (float)sum;
    }
  }
  return x;
}

static int64_t dot(const shape *s, const int8_t *w, const calm_rows *x, int row, int j) {
  int64_t sum = 0;
  for (int k = j * s->group; k < (j + 1) * s->group && k < s->inputs; k++) {
    sum += (int64_t)w[k] * x->codes[(size_t)row * x->stride + (size_t)k];
  }
  return sum;
}

static float *outputs_of(const shape *s) {
  return driver_floats((size_t)(s->rows - 1) * s->stride + (size_t)s->outputs);
}

/* Packs plain codes [outputs][inputs] by docs/reference/artifact-format.md. */
static uint32_t *pack(const shape *s, const int8_t *plain, int bits) {
  size_t in_word = 32 / (size_t)bits, steps = s->padded / in_word;
  uint32_t *words = driver_aligned((size_t)s->tiles * steps * 16 * sizeof(uint32_t));
  for (int n = 0; n < s->outputs; n++) {
    for (int k = 0; k < s->inputs; k++) {
      size_t i = (size_t)k % in_word;
      size_t shift = bits == 8 ? 8 * i : i < 4 ? 8 * i : 8 * (i - 4) + 4;
      uint32_t code = (uint32_t)plain[(size_t)n * (size_t)s->inputs + (size_t)k] &
                      (bits == 8 ? 0xff : 15);
      words[((size_t)(n / 16) * steps + (size_t)k / in_word) * 16 + (size_t)(n % 16)] |=
          code << shift;
    }
  }
  return words;
}

/* ---- int4 ---- */

static int8_t *roll_codes4(const shape *s) {
  int8_t *plain = driver_aligned((size_t)s->outputs * (size_t)s->inputs);
  for (int n = 0; n < s->outputs; n++) {
    int kind = driver_below(5);
    for (int k = 0; k < s->inputs; k++) {
      plain[n * s->inputs + k] = (int8_t)(kind == 0 ? 0 : kind == 1 ? 15 : driver_below(16));
    }
  }
  return plain;
}

static uint16_t *roll_grids(const shape *s) {
  uint16_t *grids = driver_aligned((size_t)s->tiles * (size_t)s->groups * 32 * sizeof *grids);
  int kind = driver_below(4);
  for (int n = 0; n < s->outputs; n++) {
    for (int j = 0; j < s->groups; j++) {
      uint16_t *grid = grids + (size_t)(n / 16 * s->groups + j) * 32 + n % 16;
      uint16_t normal = (uint16_t)(0x0400 + driver_below(0x7800));
      grid[0] = kind == 0 ? 0x7bff : kind == 1 ? 0x0400 : normal;
      grid[16] = kind == 0 ? 0xfbff : driver_half_bits();
    }
  }
  return grids;
}

static void expect4(const shape *s, const calm_linear *w, const int8_t *plain, const calm_rows *x,
                    float *y) {
  for (int row = 0; row < s->rows; row++) {
    for (int n = s->from * 16; n < s->to * 16 && n < s->outputs; n++) {
      float sum = 0;
      for (int j = 0; j < s->groups; j++) {
        const uint16_t *grid = w->grids + (size_t)(n / 16 * s->groups + j) * 32 + n % 16;
        int at = row * s->groups + j;
        float d = (float)dot(s, plain + (size_t)n * (size_t)s->inputs, x, row, j);
        float offset = driver_half_value(grid[16]) * x->sums[at];
        sum = fmaf(x->scales[at], fmaf(driver_half_value(grid[0]), d, offset), sum);
      }
      y[(size_t)row * s->stride + (size_t)n] = w->bias ? sum + w->bias[n] : sum;
    }
  }
}

static void check_row4(const calm_kernels *k, const shape *s, const calm_linear *w,
                       const int8_t *plain) {
  int n = driver_below(s->outputs);
  float *actual = driver_floats((size_t)s->inputs), *expected = driver_floats((size_t)s->inputs);
  for (int i = 0; i < s->inputs; i++) {
    const uint16_t *grid = w->grids + (size_t)(n / 16 * s->groups + i / s->group) * 32 + n % 16;
    expected[i] = driver_half_value(grid[0]) * plain[n * s->inputs + i] +
                  driver_half_value(grid[16]);
  }
  k->read_row4(w, n, actual);
  driver_same_floats("read_row4", expected, actual, (size_t)s->inputs);
}

static void check_linear(const calm_kernels *k, int group) {
  shape s = roll_shape(group);
  int8_t *plain = roll_codes4(&s);
  calm_linear w = {s.outputs, s.inputs, group, s.groups, pack(&s, plain, 4), roll_grids(&s),
                   driver_below(2) ? driver_numbers((size_t)s.outputs) : NULL};
  calm_rows x = roll_rows(&s);
  float *expected = outputs_of(&s), *actual = outputs_of(&s);
  expect4(&s, &w, plain, &x, expected);
  k->multiply4(&w, &x, s.rows, s.from, s.to, actual, s.stride,
               driver_aligned(k->scratch_bytes((int32_t)s.padded)));
  driver_same_floats("multiply4", expected, actual,
                     (size_t)(s.rows - 1) * s.stride + (size_t)s.outputs);
  check_row4(k, &s, &w, plain);
}

void driver_linears(const calm_kernels *k) {
  for (int group = 32; group <= 128; group *= 2) {
    check_linear(k, group);
  }
}

/* ---- tables ---- */

static void check_row8(const calm_kernels *k, const shape *s, const calm_table8 *w,
                       const int8_t *plain) {
  int n = driver_below(s->outputs);
  float *actual = driver_floats((size_t)s->inputs), *expected = driver_floats((size_t)s->inputs);
  for (int i = 0; i < s->inputs; i++) {
    expected[i] = w->scales[n] * plain[n * s->inputs + i];
  }
  k->read_row8(w, n, actual);
  driver_same_floats("read_row8", expected, actual, (size_t)s->inputs);
}

static void check_table8(const calm_kernels *k, int group) {
  shape s = roll_shape(group);
  int8_t *plain = driver_aligned((size_t)s.outputs * (size_t)s.inputs);
  float *scales = driver_aligned((size_t)s.tiles * 16 * sizeof(float));
  for (int n = 0; n < s.outputs; n++) {
    int kind = driver_below(9);
    scales[n] = fabsf(driver_number());
    for (int i = 0; i < s.inputs; i++) {
      plain[n * s.inputs + i] = roll_code(kind);
    }
  }
  calm_table8 w = {s.outputs, s.inputs, group, s.groups, pack(&s, plain, 8), scales};
  calm_rows x = roll_rows(&s);
  float *expected = outputs_of(&s), *actual = outputs_of(&s);
  for (int row = 0; row < s.rows; row++) {
    for (int n = s.from * 16; n < s.to * 16 && n < s.outputs; n++) {
      float sum = 0;
      for (int j = 0; j < s.groups; j++) {
        float d = (float)dot(&s, plain + (size_t)n * (size_t)s.inputs, &x, row, j);
        sum = fmaf(x.scales[row * s.groups + j], d, sum);
      }
      expected[(size_t)row * s.stride + (size_t)n] = sum * scales[n];
    }
  }
  k->multiply8(&w, &x, s.rows, s.from, s.to, actual, s.stride,
               driver_aligned(k->scratch_bytes((int32_t)s.padded)));
  driver_same_floats("multiply8", expected, actual,
                     (size_t)(s.rows - 1) * s.stride + (size_t)s.outputs);
  check_row8(k, &s, &w, plain);
}

/* Tables of float16 and of float32, multiplied and read. */
static void check_floats(const calm_kernels *k) {
  int width = 1 + driver_below(150), tokens = 1 + driver_below(40), rows = 1 + driver_below(4);
  int from = driver_below(tokens), to = from + driver_below(tokens - from + 1);
  driver_describe("[%d, %d] floats, %d rows, tokens %d to %d", tokens, width, rows, from, to);
  size_t count = (size_t)tokens * (size_t)width, results = (size_t)rows * (size_t)tokens;
  float *halves_wide = driver_floats(count), *singles = driver_numbers(count);
  uint16_t *halves = driver_aligned(count * sizeof *halves);
  for (size_t i = 0; i < count; i++) {
    halves[i] = driver_half_bits();
    halves_wide[i] = driver_half_value(halves[i]);
  }
  float *x = driver_numbers((size_t)rows * (size_t)width);
  for (int half = 0; half < 2; half++) {
    const float *table = half ? halves_wide : singles;
    float *expected = driver_floats(results), *actual = driver_floats(results);
    for (int row = 0; row < rows; row++) {
      for (int t = from; t < to; t++) {
        float sum = 0;
        for (int i = 0; i < width; i++) {
          sum = fmaf(x[row * width + i], table[t * width + i], sum);
        }
        expected[row * tokens + t] = sum;
      }
    }
    if (half) {
      k->multiply_half(halves, x, width, rows, from, to, actual, (size_t)tokens);
    } else {
      k->multiply_float(singles, x, width, rows, from, to, actual, (size_t)tokens);
    }
    driver_same_floats(half ? "multiply_half" : "multiply_float", expected, actual, results);
  }
  float *row = driver_floats((size_t)width);
  k->read_half(halves + (size_t)(tokens - 1) * (size_t)width, row, width);
  driver_same_floats("read_half", halves_wide + (size_t)(tokens - 1) * (size_t)width, row,
                     (size_t)width);
}

void driver_tables(const calm_kernels *k) {
  for (int group = 32; group <= 128; group *= 2) {
    check_table8(k, group);
  }
  check_floats(k);
}
