/* GPTQ's walk over a block of columns, bit-identical to JavaSearchKernels.walkColumns. */
#include "lanes.h"
#include "vector.h"

/* Sixteen outputs or the `count` first; everything is offset to the first of them. */
static void walk_tile(const calm_walk *walk, size_t first, int count) {
  lanes w[CALM_WALK];
  for (int i = 0; i < walk->columns; i++) {
    w[i] = lanes_load_some(walk->weights + (size_t)i * walk->outputs + first, count);
  }
  for (int i = 0; i < walk->columns; i++) {
    size_t grid = (size_t)walk->groups[i] * walk->outputs + first;
    size_t at = (size_t)i * walk->outputs + first;
    const float *row = walk->factor + (size_t)i * (size_t)walk->columns;
    lanes scale = lanes_load_some(walk->scales + grid, count);
    lanes minimum = lanes_load_some(walk->minimums + grid, count);
    lanes code = lanes_code(w[i], lanes_div(lanes_all(1), scale), minimum);
    lanes error = lanes_sub(w[i], lanes_add(lanes_mul(scale, code), minimum));
    error = lanes_mul(error, lanes_all(1 / row[i]));
    for (int j = i + 1; j < walk->columns; j++) {
      w[j] = lanes_sub(w[j], lanes_mul(lanes_all(row[j]), error));
    }
    int8_t codes[16];
    lanes_store_int8(codes, code);
    memcpy(walk->codes + at, codes, (size_t)count);
    lanes_store_some(walk->errors + at, error, count);
  }
}

void CALM_NAME(walk_columns)(const calm_walk *walk, size_t from, size_t to) {
  for (size_t first = from; first < to; first += 16) {
    walk_tile(walk, first, to - first < 16 ? (int)(to - first) : 16);
  }
}
