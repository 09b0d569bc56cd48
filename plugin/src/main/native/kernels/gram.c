/*
 * The upper half of X'X in float32, for GPTQ's Hessian. Columns are cut into panels; a
 * pair of panels is summed over a chunk of rows in registers, in the order of the rows, then added.
 */
#include "lanes.h"
#include "vector.h"

#if defined(__AVX512F__)
enum { ROWS = 8, COLUMNS = 32 };
#else
enum { ROWS = 4, COLUMNS = 16 }; /* what sixteen registers hold beside the operands */
#endif

enum { CHUNK = 128, PANEL = CALM_GRAM_PANEL };

typedef struct {
  lanes v[ROWS][COLUMNS / 16];
} block;

/* sums[r] = sum over rows of left[row][r] * COLUMNS of right[row] */
static inline block multiply(const float *left, const float *right, int rows) {
  block sums;
  for (int r = 0; r < ROWS; r++) {
    for (int i = 0; i < COLUMNS / 16; i++) {
      sums.v[r][i] = lanes_all(0);
    }
  }
  for (int row = 0; row < rows; row++) {
    lanes b[COLUMNS / 16];
    for (int i = 0; i < COLUMNS / 16; i++) {
      b[i] = lanes_load(right + row * PANEL + 16 * i);
    }
    for (int r = 0; r < ROWS; r++) {
      lanes a = lanes_all(left[row * PANEL + r]);
      for (int i = 0; i < COLUMNS / 16; i++) {
        sums.v[r][i] = lanes_fma(a, b[i], sums.v[r][i]);
      }
    }
  }
  return sums;
}

static int panel_width(int32_t width, int panel) {
  return width - panel * PANEL < PANEL ? width - panel * PANEL : PANEL;
}

/* Copies the columns of panels from (inclusive) on, a panel after the other, padded with zeros. */
static void pack(const float *x, int rows, int32_t width, int from, int panels, float *target) {
  for (int panel = from; panel < panels; panel++) {
    int columns = panel_width(width, panel);
    for (int row = 0; row < rows; row++, target += PANEL) {
      const float *source = x + (size_t)row * (size_t)width + panel * PANEL;
      for (int i = 0; i < PANEL; i += 16) {
        int left = columns - i;
        lanes_store(target + i, left > 0 ? lanes_load_some(source + i, left) : lanes_all(0));
      }
    }
  }
}

static void add_block(const block *sums, int rows, int columns, int32_t width, float *gram) {
  for (int r = 0; r < ROWS && r < rows; r++) {
    float *target = gram + (size_t)r * (size_t)width;
    for (int k = 0; k < COLUMNS / 16 && 16 * k < columns; k++) {
      int count = columns - 16 * k;
      lanes sum = lanes_add(lanes_load_some(target + 16 * k, count), sums->v[r][k]);
      lanes_store_some(target + 16 * k, sum, count);
    }
  }
}

static void add_pair(const float *left, const float *right, int rows, int32_t width, int i, int j,
                     float *gram) {
  int height = panel_width(width, i), columns = panel_width(width, j);
  for (int at = 0; at < height; at += ROWS) {
    float *target = gram + (size_t)(i * PANEL + at) * (size_t)width + j * PANEL;
    for (int column = 0; column < columns; column += COLUMNS) {
      block sums = multiply(left + at, right + column, rows);
      add_block(&sums, height - at, columns - column, width, target + column);
    }
  }
}

void CALM_NAME(add_gram)(const float *x, int rows, int32_t width, int from, int to, float *gram,
                         float *scratch) {
  int panels = (width + PANEL - 1) / PANEL;
  for (int first = 0; first < rows; first += CHUNK) {
    int count = rows - first < CHUNK ? rows - first : CHUNK;
    pack(x + (size_t)first * (size_t)width, count, width, from, panels, scratch);
    for (int i = from; i < to; i++) {
      const float *left = scratch + (size_t)(i - from) * (size_t)count * PANEL;
      for (int j = i; j < panels; j++) {
        const float *right = scratch + (size_t)(j - from) * (size_t)count * PANEL;
        add_pair(left, right, count, width, i, j, gram);
      }
    }
  }
}
