/* The column statistics that folds use: mean |x|, max |x| and mean x^2. */
#include "doubles.h"
#include "vector.h"

enum { CHUNK = 64 }; /* rows that are summed in float32 */

void CALM_NAME(column_statistics)(const float *x, int rows, int32_t width, int32_t from, int32_t to,
                                  float *target) {
  for (int32_t column = from; column < to; column += 16) {
    int count = to - column < 16 ? to - column : 16;
    doubles absolute = doubles_zero(), square = absolute;
    lanes peak = lanes_all(0);
    for (int first = 0; first < rows; first += CHUNK) {
      int end = rows - first < CHUNK ? rows : first + CHUNK;
      lanes sizes = lanes_all(0), squares = sizes;
      for (int row = first; row < end; row++) {
        lanes value = lanes_load_some(x + (size_t)row * (size_t)width + column, count);
        lanes size = lanes_abs(value);
        sizes = lanes_add(sizes, size);
        squares = lanes_add(squares, lanes_mul(value, value));
        peak = lanes_max_magnitude(peak, size);
      }
      absolute = doubles_add(absolute, sizes);
      square = doubles_add(square, squares);
    }
    double sums[2][16];
    doubles_store(sums[0], absolute);
    doubles_store(sums[1], square);
    lanes_store_some(target + width + column, peak, count);
    for (int i = 0; i < count; i++) {
      target[column + i] = (float)(sums[0][i] / rows);
      target[2 * width + column + i] = (float)(sums[1][i] / rows);
    }
  }
}
