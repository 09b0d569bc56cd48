/*
 * The operations between the linears: rounding, norms, rotation, gating, rows of tables. Compiled
 * once for each register width; CALM_WIDTH names the functions.
 */
#include "vector.h"

#include "lanes.h"

static const float SMALLEST = 0x1p-100f; /* maxima below are taken for zero */
static const float LARGEST = 0x1.fffffep127f;

static float magnitude(const float *x, int32_t count) {
  lanes max = lanes_all(0);
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    max = lanes_max_magnitude(max, lanes_abs(lanes_load(x + i)));
  }
  if (i < count) {
    max = lanes_max_magnitude(max, lanes_abs(lanes_load_part(x + i, count - i)));
  }
  float largest = lanes_largest_magnitude(max);
  return largest <= LARGEST ? largest : INFINITY;
}

/* Codes of x / scale for `count` of `group` inputs, and their sum. */
static float round_group(const float *x, int32_t count, int32_t group, float scale, int8_t *codes) {
  if (scale == 0) {
    memset(codes, 0, (size_t)group);
    return 0;
  }
  const lanes rounder = lanes_all(0x1.8p23f), divisor = lanes_all(scale);
  const lanes low = lanes_all(-127), high = lanes_all(127);
  lanes sum = lanes_all(0);
  for (int32_t i = 0; i < group; i += 16) {
    lanes value = i + 16 <= count ? lanes_load(x + i)
                  : i < count     ? lanes_load_part(x + i, count - i)
                                  : lanes_all(0);
    lanes code = lanes_sub(lanes_add(lanes_div(value, divisor), rounder), rounder);
    code = lanes_max(low, lanes_min(high, code));
    lanes_store_int8(codes + i, code);
    sum = lanes_add(sum, code); /* exact: integers below 2^24 */
  }
  return lanes_sum(sum);
}

int CALM_NAME(quantize)(const float *x, int32_t inputs, int per_token, calm_rows *target, int row,
                        int from, int to) {
  int8_t *codes = target->codes + (size_t)row * target->stride;
  float *scales = target->scales + (size_t)row * (size_t)target->groups;
  float *sums = target->sums + (size_t)row * (size_t)target->groups;
  float of_row = per_token ? magnitude(x, inputs) : 0;
  int finite = 1;
  for (int32_t j = from; j < to; j++, x += target->group) {
    int32_t first = j * target->group;
    int32_t count = inputs - first < target->group ? inputs - first : target->group;
    float max = per_token ? of_row : magnitude(x, count);
    if (max > LARGEST) {
      finite = 0;
      max = 0;
    }
    scales[j] = max < SMALLEST ? 0 : max / 127;
    sums[j] = round_group(x, count, target->group, scales[j], codes + first);
  }
  return finite;
}

void CALM_NAME(rms_norm)(const float *x, const float *weight, float *y, int32_t width,
                         float epsilon) {
  double squares[16] = {0};
  int32_t i = 0;
  for (; i + 16 <= width; i += 16) {
    for (int lane = 0; lane < 16; lane++) {
      double value = x[i + lane];
      squares[lane] += value * value;
    }
  }
  for (int lane = 0; i + lane < width; lane++) {
    double value = x[i + lane];
    squares[lane] += value * value;
  }
  for (int half = 8; half > 0; half /= 2) {
    for (int lane = 0; lane < half; lane++) {
      squares[lane] += squares[lane + half];
    }
  }
  float inverse = (float)(1 / sqrt(squares[0] / width + (double)epsilon));
  for (i = 0; i < width; i++) {
    y[i] = x[i] * inverse * weight[i];
  }
}

void CALM_NAME(rotate)(float *head, const float *cosines, const float *sines, int32_t half) {
  for (int32_t i = 0; i < half; i++) {
    float a = head[i], b = head[half + i];
    head[i] = a * cosines[i] - b * sines[i];
    head[half + i] = b * cosines[i] + a * sines[i];
  }
}

static lanes gated(lanes gate, lanes up) {
  lanes one = lanes_all(1);
  lanes exponential = lanes_exp(lanes_sub(lanes_all(-0.0f), gate));
  return lanes_mul(lanes_div(gate, lanes_add(one, exponential)), up);
}

void CALM_NAME(swiglu)(const float *gate, const float *up, float *y, int32_t width) {
  int32_t i = 0;
  for (; i + 16 <= width; i += 16) {
    lanes_store(y + i, gated(lanes_load(gate + i), lanes_load(up + i)));
  }
  if (i < width) {
    int rest = width - i;
    lanes_store_part(y + i, gated(lanes_load_part(gate + i, rest), lanes_load_part(up + i, rest)),
                     rest);
  }
}

void CALM_NAME(add)(float *target, const float *addend, int32_t width) {
  for (int32_t i = 0; i < width; i++) {
    target[i] += addend[i];
  }
}

/* Chains of one operation that run side by side: each step of a chain waits for the one before. */
enum { CHAINS = 4 };

int CALM_NAME(finite)(const float *x, size_t count) {
  lanes sums[CHAINS] = {lanes_all(0), lanes_all(0), lanes_all(0), lanes_all(0)};
  size_t i = 0;
  for (; i + 16 * CHAINS <= count; i += 16 * CHAINS) {
    for (size_t c = 0; c < CHAINS; c++) {
      sums[c] = lanes_fma(lanes_load(x + i + 16 * c), lanes_all(0), sums[c]);
    }
  }
  lanes sum = lanes_add(lanes_add(sums[0], sums[1]), lanes_add(sums[2], sums[3]));
  for (; i + 16 <= count; i += 16) {
    sum = lanes_fma(lanes_load(x + i), lanes_all(0), sum);
  }
  float rest = 0;
  for (; i < count; i++) {
    rest += x[i] * 0;
  }
  return lanes_sum(sum) + rest == 0;
}

/* The first `count` lanes, less than every number in the others. */
static lanes load_or_least(const float *x, size_t count) {
  float padded[16];
  for (size_t lane = 0; lane < 16; lane++) {
    padded[lane] = lane < count ? x[lane] : -INFINITY;
  }
  return lanes_load(padded);
}

/* Elements whose weights are added in float32 before they join the sum in float64. */
enum { WEIGH_RUN = 1024 };

int CALM_NAME(weigh)(const float *x, size_t count, calm_partial *result) {
  if (!CALM_NAME(finite)(x, count)) {
    return 0;
  }
  size_t whole = count / 16 * 16;
  lanes rest = load_or_least(x + whole, count - whole), largest[CHAINS] = {rest, rest, rest, rest};
  size_t at = 0;
  for (; at + 16 * CHAINS <= whole; at += 16 * CHAINS) {
    for (size_t c = 0; c < CHAINS; c++) {
      largest[c] = lanes_max(largest[c], lanes_load(x + at + 16 * c));
    }
  }
  for (; at < whole; at += 16) {
    largest[0] = lanes_max(largest[0], lanes_load(x + at));
  }
  float max = lanes_largest(lanes_max(lanes_max(largest[0], largest[1]),
                                      lanes_max(largest[2], largest[3])));
  double sum = 0;
  for (size_t first = 0; first < count; first += WEIGH_RUN) {
    size_t end = count - first < WEIGH_RUN ? count : first + WEIGH_RUN;
    lanes run = lanes_all(0);
    for (size_t i = first; i < end; i += 16) {
      lanes values = i < whole ? lanes_load(x + i) : load_or_least(x + i, count - i);
      run = lanes_add(run, lanes_exp(lanes_sub(values, lanes_all(max))));
    }
    sum += lanes_sum(run);
  }
  *result = (calm_partial){max, (float)sum};
  return 1;
}

void CALM_NAME(divide)(const float *x, float divisor, float *y, int32_t width) {
  for (int32_t i = 0; i < width; i++) {
    y[i] = x[i] / divisor;
  }
}

static float half_value(uint16_t half) {
  uint16_t halves[16] = {half};
  float values[16];
  lanes_store(values, lanes_load_half(halves));
  return values[0];
}

void CALM_NAME(read_half)(const uint16_t *row, float *target, int32_t width) {
  int32_t i = 0;
  for (; i + 16 <= width; i += 16) {
    lanes_store(target + i, lanes_load_half(row + i));
  }
  for (; i < width; i++) {
    target[i] = half_value(row[i]);
  }
}

void CALM_NAME(read_row4)(const calm_linear *w, int row, float *target) {
  int tile = row / CALM_TILE, lane = row % CALM_TILE;
  size_t steps = (size_t)w->groups * (size_t)w->group / 8;
  const uint32_t *words = w->codes + (size_t)tile * steps * CALM_TILE + lane;
  const uint16_t *grid = w->grids + (size_t)tile * (size_t)w->groups * 2 * CALM_TILE + lane;
  for (int32_t j = 0; j < w->groups; j++, grid += 2 * CALM_TILE) {
    float scale = half_value(grid[0]), minimum = half_value(grid[CALM_TILE]);
    int32_t end = (j + 1) * w->group < w->inputs ? (j + 1) * w->group : w->inputs;
    for (int32_t k = j * w->group; k < end; k++) {
      int byte = k % 4, shift = byte * 8 + (k % 8 >= 4 ? 4 : 0);
      uint32_t code = words[(size_t)(k / 8) * CALM_TILE] >> shift & 15;
      target[k] = scale * (float)code + minimum;
    }
  }
}

void CALM_NAME(read_row8)(const calm_table8 *w, int row, float *target) {
  int tile = row / CALM_TILE, lane = row % CALM_TILE;
  size_t steps = (size_t)w->groups * (size_t)w->group / 4;
  const int8_t *codes = (const int8_t *)(w->codes + (size_t)tile * steps * CALM_TILE + lane);
  float scale = w->scales[row];
  for (int32_t k = 0; k < w->inputs; k++) {
    target[k] = scale * codes[(size_t)(k / 4) * 4 * CALM_TILE + (size_t)(k % 4)];
  }
}

/* Tokens whose chains of additions run abreast. */
enum { ABREAST = 8 };

void CALM_NAME(multiply_float)(const float *table, const float *x, int32_t width, int rows,
                               int from, int to, float *y, size_t y_stride) {
  for (int token = from; token < to; token += ABREAST) {
    int count = to - token < ABREAST ? to - token : ABREAST;
    const float *row[ABREAST];
    for (int t = 0; t < ABREAST; t++) {
      row[t] = table + (size_t)(token + (t < count ? t : 0)) * (size_t)width;
    }
    for (int r = 0; r < rows; r++) {
      float sum[ABREAST] = {0};
      for (int32_t k = 0; k < width; k++) {
        for (int t = 0; t < ABREAST; t++) {
          sum[t] = fmaf(x[(size_t)r * (size_t)width + (size_t)k], row[t][k], sum[t]);
        }
      }
      memcpy(y + (size_t)r * y_stride + token, sum, (size_t)count * sizeof(float));
    }
  }
}

void CALM_NAME(multiply_half)(const uint16_t *table, const float *x, int32_t width, int rows,
                              int from, int to, float *y, size_t y_stride) {
  enum { STEP = 64 };
  float wide[ABREAST][STEP];
  for (int token = from; token < to; token += ABREAST) {
    int count = to - token < ABREAST ? to - token : ABREAST;
    for (int r = 0; r < rows; r++) {
      float sum[ABREAST] = {0};
      for (int32_t first = 0; first < width; first += STEP) {
        int32_t length = width - first < STEP ? width - first : STEP;
        for (int t = 0; t < ABREAST; t++) {
          size_t at = (size_t)(token + (t < count ? t : 0)) * (size_t)width + (size_t)first;
          CALM_NAME(read_half)(table + at, wide[t], length);
        }
        const float *part = x + (size_t)r * (size_t)width + first;
        for (int32_t k = 0; k < length; k++) {
          for (int t = 0; t < ABREAST; t++) {
            sum[t] = fmaf(part[k], wide[t][k], sum[t]);
          }
        }
      }
      memcpy(y + (size_t)r * y_stride + token, sum, (size_t)count * sizeof(float));
    }
  }
}
