/* GPTQ's walk over a block of columns, bit-identical to JavaSearchKernels.walkColumns. */
#include "lanes.h"
#include "vector.h"

enum { STEP = 4 /* columns whose errors are applied together to the columns after them */ };

/* Rounds column i of the outputs from `first` on, and returns its error. */
static inline lanes round_column(const calm_walk *walk, int i, lanes w, size_t first, int count) {
  size_t grid = (size_t)walk->groups[i] * walk->outputs + first;
  size_t at = (size_t)i * walk->outputs + first;
  lanes scale = lanes_load_some(walk->scales + grid, count);
  lanes minimum = lanes_load_some(walk->minimums + grid, count);
  lanes code = lanes_code(w, lanes_div(lanes_all(1), scale), minimum);
  lanes error = lanes_sub(w, lanes_add(lanes_mul(scale, code), minimum));
  error = lanes_mul(error, lanes_all(1 / walk->factor[(size_t)i * (size_t)walk->columns + i]));
  int8_t codes[16];
  lanes_store_int8(codes, code);
  memcpy(walk->codes + at, codes, (size_t)count);
  lanes_store_some(walk->errors + at, error, count);
  return error;
}

/* Takes the errors of `steps` columns from i on off column j, in their order. */
static inline lanes corrected(const calm_walk *walk, lanes w, int i, int steps, int j,
                              const lanes *errors) {
  const float *factor = walk->factor + (size_t)i * (size_t)walk->columns + j;
  for (int s = 0; s < steps; s++, factor += walk->columns) {
    w = lanes_sub(w, lanes_mul(lanes_all(*factor), errors[s]));
  }
  return w;
}

/* Sixteen outputs or the `count` first; everything is offset to the first of them. */
static void walk_tile(const calm_walk *walk, size_t first, int count) {
  lanes w[CALM_WALK];
  for (int i = 0; i < walk->columns; i++) {
    w[i] = lanes_load_some(walk->weights + (size_t)i * walk->outputs + first, count);
  }
  for (int i = 0; i < walk->columns; i += STEP) {
    lanes errors[STEP];
    int steps = walk->columns - i < STEP ? walk->columns - i : STEP;
    for (int s = 0; s < steps; s++) {
      w[i + s] = corrected(walk, w[i + s], i, s, i + s, errors);
      errors[s] = round_column(walk, i + s, w[i + s], first, count);
    }
    for (int j = i + STEP; j < walk->columns; j++) {
      w[j] = corrected(walk, w[j], i, STEP, j, errors);
    }
  }
}

void CALM_NAME(walk_columns)(const calm_walk *walk, size_t from, size_t to) {
  for (size_t first = from; first < to; first += 16) {
    walk_tile(walk, first, to - first < 16 ? (int)(to - first) : 16);
  }
}
