/*
 * A float64 product of two chunks, bit-identical to JavaSearchKernels.addTile: eight steps of depth
 * are summed in pairs, then added. Products and sums are rounded apart, so that processors
 * without fma have the same bits.
 */
#include "vector.h"

enum { STEPS = 8, WIDE = 8 };

/* Eight float64 in whatever registers the variant has, and the same where only doubles are aligned. */
typedef double wide __attribute__((vector_size(WIDE * sizeof(double))));
typedef double wide_in_memory
    __attribute__((vector_size(WIDE * sizeof(double)), aligned(sizeof(double)), may_alias));

#define EIGHT_STEPS(a, b) \
  (((a[0] * b[0] + a[1] * b[1]) + (a[2] * b[2] + a[3] * b[3])) + \
   ((a[4] * b[4] + a[5] * b[5]) + (a[6] * b[6] + a[7] * b[7])))

/* Adds to `rows` (1 or 2) rows of the product; a: their elements, one step after the other. */
static inline void add_rows(int rows, double a[2][STEPS], const double *right, int width,
                            double *product) {
  wide all[2][STEPS];
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

void CALM_NAME(add_tile)(const double *left, const double *right, int height, int width, int depth,
                         double *product) {
  for (int k = 0; k < depth; k += STEPS) {
    for (int i = 0; i < height; i += 2) {
      double a[2][STEPS];
      int rows = height - i < 2 ? 1 : 2;
      for (int r = 0; r < rows; r++) {
        for (int s = 0; s < STEPS; s++) {
          a[r][s] = left[(k + s) * height + i + r];
        }
      }
      if (rows == 2) {
        add_rows(2, a, right + k * width, width, product + i * width);
      } else {
        add_rows(1, a, right + k * width, width, product + i * width);
      }
    }
  }
}
