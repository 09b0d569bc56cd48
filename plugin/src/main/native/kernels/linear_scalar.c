/* The products as plain loops: portable, and the readable reference of the other variants. */
#include "linear.h"

#include <math.h>

static float half_value(uint16_t half) {
  uint32_t magnitude = half & 0x7fff;
  float value = magnitude >= 0x7c00  ? (magnitude == 0x7c00 ? INFINITY : NAN)
                : magnitude >= 0x400 ? ldexpf((float)((magnitude & 0x3ff) + 0x400),
                                              (int)(magnitude >> 10) - 25)
                                     : ldexpf((float)magnitude, -24);
  return half & 0x8000 ? -value : value;
}

size_t calm_scratch_scalar(int32_t padded_inputs) {
  (void)padded_inputs;
  return 0;
}

/* The exact product of one lane's codes with one row's, over one group. */
static int32_t dot4(const uint32_t *words, const int8_t *x, int32_t group) {
  int32_t sum = 0;
  for (int32_t k = 0; k < group; k++) {
    int shift = k % 4 * 8 + (k % 8 >= 4 ? 4 : 0);
    sum += (int32_t)(words[(size_t)(k / 8) * CALM_TILE] >> shift & 15) * x[k];
  }
  return sum;
}

static int32_t dot8(const uint32_t *words, const int8_t *x, int32_t group) {
  int32_t sum = 0;
  for (int32_t k = 0; k < group; k++) {
    sum += (int8_t)(words[(size_t)(k / 4) * CALM_TILE] >> (k % 4 * 8)) * x[k];
  }
  return sum;
}

void calm_multiply4_scalar(const calm_linear *w, const calm_rows *x, int rows, int from, int to,
                           float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  size_t steps = (size_t)w->group / 8;
  int end = to * CALM_TILE < w->outputs ? to * CALM_TILE : w->outputs;
  for (int row = 0; row < rows; row++) {
    for (int n = from * CALM_TILE; n < end; n++) {
      size_t tile = (size_t)(n / CALM_TILE) * (size_t)w->groups, lane = (size_t)(n % CALM_TILE);
      float sum = 0;
      for (int32_t j = 0; j < w->groups; j++) {
        size_t at = (size_t)row * (size_t)x->groups + (size_t)j, group = tile + (size_t)j;
        const uint16_t *grid = w->grids + group * 2 * CALM_TILE + lane;
        int32_t dot = dot4(w->codes + group * steps * CALM_TILE + lane,
                           x->codes + (size_t)row * x->stride + (size_t)j * (size_t)w->group,
                           w->group);
        float offset = half_value(grid[CALM_TILE]) * x->sums[at];
        sum = fmaf(x->scales[at], fmaf(half_value(grid[0]), (float)dot, offset), sum);
      }
      y[(size_t)row * y_stride + (size_t)n] = w->bias ? sum + w->bias[n] : sum;
    }
  }
}

void calm_multiply8_scalar(const calm_table8 *w, const calm_rows *x, int rows, int from, int to,
                           float *y, size_t y_stride, void *scratch) {
  (void)scratch;
  size_t steps = (size_t)w->group / 4;
  int end = to * CALM_TILE < w->outputs ? to * CALM_TILE : w->outputs;
  for (int row = 0; row < rows; row++) {
    for (int n = from * CALM_TILE; n < end; n++) {
      size_t tile = (size_t)(n / CALM_TILE) * (size_t)w->groups, lane = (size_t)(n % CALM_TILE);
      float sum = 0;
      for (int32_t j = 0; j < w->groups; j++) {
        int32_t dot = dot8(w->codes + (tile + (size_t)j) * steps * CALM_TILE + lane,
                           x->codes + (size_t)row * x->stride + (size_t)j * (size_t)w->group,
                           w->group);
        sum = fmaf(x->scales[(size_t)row * (size_t)x->groups + (size_t)j], (float)dot, sum);
      }
      y[(size_t)row * y_stride + (size_t)n] = sum * w->scales[n];
    }
  }
}
