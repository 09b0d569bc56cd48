/*
 * A float32 product, bit-identical to JavaSearchKernels.addProduct. An element is summed over
 * chunks of 256 steps of depth with fused products, in the order of the steps, and each chunk is
 * then added to the target. The order depends neither on the register width nor on the pieces in
 * which a product is computed (loops as in Goto and van de Geijn, ACM TOMS 34(3), 2008).
 */
#include "lanes.h"
#include "vector.h"

#if defined(__AVX512F__)
enum { ROWS = 12, COLUMNS = 32 };
#elif defined(__AVX2__)
enum { ROWS = 6, COLUMNS = 16 };
#else
enum { ROWS = 4, COLUMNS = 16 };
#endif

enum {
  CHUNK = CALM_PRODUCT_CHUNK,
  WIDE = CALM_PRODUCT_COLUMNS, /* columns whose packed chunk stays in the L2 cache */
  TALL = 8 * ROWS, /* rows that are packed at once */
};

/* The scratch holds the packed columns, and behind them the packed rows. */
_Static_assert(CHUNK * (WIDE + TALL) <= CALM_PRODUCT_FLOATS,
               "the scratch has room for TALL packed rows behind WIDE packed columns");
_Static_assert(WIDE % COLUMNS == 0 && TALL % ROWS == 0, "packed pieces consist of whole blocks");

static int least(int a, int b) { return a < b ? a : b; }

typedef struct {
  lanes v[ROWS][COLUMNS / 16];
} block;

/* sums[r] = sum over steps of left[step][r] * right[step], both packed */
static inline block multiply(const float *left, const float *right, int steps) {
  block sums;
#pragma GCC unroll 12
  for (int r = 0; r < ROWS; r++) {
    for (int i = 0; i < COLUMNS / 16; i++) {
      sums.v[r][i] = lanes_all(0);
    }
  }
  for (int step = 0; step < steps; step++, left += ROWS, right += COLUMNS) {
    lanes b[COLUMNS / 16];
    for (int i = 0; i < COLUMNS / 16; i++) {
      b[i] = lanes_load(right + 16 * i);
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; r++) {
      lanes a = lanes_all(left[r]);
      for (int i = 0; i < COLUMNS / 16; i++) {
        sums.v[r][i] = lanes_fma(a, b[i], sums.v[r][i]);
      }
    }
  }
  return sums;
}

/*
 * Packs `count` vectors of `steps` elements into panels of `panel` vectors, step by step; the last
 * panel is padded with zeros.
 */
static inline void pack(const float *x, ptrdiff_t vector, ptrdiff_t step, int count, int steps,
                        const int panel, float *target) {
  for (int first = 0; first < count; first += panel, target += (size_t)steps * (size_t)panel) {
    const float *source = x + first * vector;
    int here = least(panel, count - first);
    if (here < panel) {
      memset(target, 0, (size_t)steps * (size_t)panel * sizeof(float));
    }
    if (vector == 1) {
      for (int s = 0; s < steps; s++) {
        memcpy(target + (size_t)s * (size_t)panel, source + s * step, (size_t)here * sizeof(float));
      }
      continue;
    }
    for (int s = 0; s < steps; s += 16) { /* a line of the cache of each vector */
      int end = least(steps, s + 16);
      for (int i = 0; i < here; i++) {
        for (int at = s; at < end; at++) {
          target[(size_t)at * (size_t)panel + (size_t)i] = source[i * vector + at * step];
        }
      }
    }
  }
}

/* Adds the sums of a chunk to `rows` x `columns` elements, or replaces them by these. */
static inline void add_block(const block *sums, const calm_product *p, int fresh, int rows,
                             int columns, float *target) {
  lanes alpha = lanes_all(p->alpha);
  for (int r = 0; r < ROWS && r < rows; r++, target += p->c_row) {
    for (int i = 0; i < COLUMNS / 16 && 16 * i < columns; i++) {
      int count = columns - 16 * i;
      lanes sum = sums->v[r][i];
      sum = fresh ? lanes_mul(alpha, sum)
                  : lanes_fma(alpha, sum, lanes_load_some(target + 16 * i, count));
      lanes_store_some(target + 16 * i, sum, count);
    }
  }
}

/* Rows from (inclusive) to (exclusive) of the columns that are packed in `right`. */
static void add_rows(const calm_product *p, int from, int to, int column, int columns, int step,
                     float *left, const float *right) {
  int steps = least(CHUNK, p->depth - step), fresh = p->fresh && step == 0;
  for (int i = from; i < to; i += TALL) {
    int rows = least(TALL, to - i);
    pack(p->a + i * p->a_row + step * p->a_step, p->a_row, p->a_step, rows, steps, ROWS, left);
    for (int j = 0; j < columns; j += COLUMNS) {
      const float *packed = right + (size_t)j * (size_t)steps;
      for (int r = 0; r < rows; r += ROWS) {
        block sums = multiply(left + (size_t)r * (size_t)steps, packed, steps);
        add_block(&sums, p, fresh, rows - r, columns - j, p->c + (i + r) * p->c_row + column + j);
      }
    }
  }
}

void CALM_NAME(add_product)(const calm_product *p, const int32_t *part, float *scratch) {
  float *left = scratch + (size_t)CHUNK * WIDE;
  for (int j = part[2]; j < part[3]; j += WIDE) {
    int columns = least(WIDE, part[3] - j);
    for (int step = 0; step < p->depth; step += CHUNK) {
      int steps = least(CHUNK, p->depth - step);
      pack(p->b + step * p->b_step + j * p->b_column, p->b_column, p->b_step, columns, steps,
           COLUMNS, scratch);
      add_rows(p, part[0], part[1], j, columns, step, left, scratch);
    }
  }
}
