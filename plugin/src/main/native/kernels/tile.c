/*
 * A float64 product of two chunks, bit-identical to JavaSearchKernels.addTile: eight steps of depth
 * are summed in pairs, then added. Products and sums are rounded apart, so that processors
 * without fma have the same bits.
 */
#include "vector.h"

#if defined(__AVX512F__)
enum { ROWS = 2, WIDE = 8 };
#elif defined(__AVX2__)
enum { ROWS = 1, WIDE = 4 }; /* what sixteen registers hold beside the sums */
#else
enum { ROWS = 2, WIDE = 2 };
#endif

enum {
  STEPS = 8,
  BLOCK = 16, /* rows of a product that stay in the L1 cache over all depth */
};

/* A register of float64, and the same where only doubles are aligned. */
typedef double wide __attribute__((vector_size(WIDE * sizeof(double))));
typedef double wide_in_memory
    __attribute__((vector_size(WIDE * sizeof(double)), aligned(sizeof(double)), may_alias));

#define EIGHT_STEPS(a, b) \
  (((a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])) + \
   ((a[4] * b[4] + a[5] * b[5]) + (a[6] * b[6] + a[7] * b[7])))

/* Adds to `rows` (1 or ROWS) rows of the product; a: their elements, one step after the other. */
static inline void add_rows(int rows, double a[ROWS][STEPS], const double *right, int width,
                            double *product) {
  wide all[ROWS][STEPS];
  for (int r = 0; r < rows; r++) {
    for (int s = 0; s < STEPS; s++) {
      all[r][s] = a[r][s] - (wide){0};
    }
  }
  int j = 0;
  for (; j + WIDE <= width; j += WIDE) {
    wide b[STEPS];
    for (int s = 0; s < STEPS; s++) {
      b[s] = *(const wide_in_memory *)(right + s * width + j);
    }
    for (int r = 0; r < rows; r++) {
      *(wide_in_memory *)(product + r * width + j) += EIGHT_STEPS(all[r], b);
    }
  }
  for (; j < width; j++) {
    double b[STEPS];
    for (int s = 0; s < STEPS; s++) {
      b[s] = right[s * width + j];
    }
    for (int r = 0; r < rows; r++) {
      product[r * width + j] += EIGHT_STEPS(a[r], b);
    }
  }
}

/* Eight steps of depth for the rows from (inclusive) to (exclusive). */
static void add_steps(const double *left, const double *right, int height, int width, int from,
                      int to, double *product) {
  for (int i = from, rows; i < to; i += rows) {
    double a[ROWS][STEPS];
    rows = to - i < ROWS ? 1 : ROWS;
    for (int r = 0; r < rows; r++) {
      for (int s = 0; s < STEPS; s++) {
        a[r][s] = left[s * height + i + r];
      }
    }
    if (rows == ROWS) {
      add_rows(ROWS, a, right, width, product + i * width);
    } else {
      add_rows(1, a, right, width, product + i * width);
    }
  }
}

void CALM_NAME(add_tile)(const double *left, const double *right, int height, int width, int depth,
                         double *product) {
  for (int i = 0; i < height; i += BLOCK) {
    int to = height - i < BLOCK ? height : i + BLOCK;
    for (int k = 0; k < depth; k += STEPS) {
      add_steps(left + k * height, right + k * width, height, width, i, to, product);
    }
  }
}
