/*
 * The table of kernels that a search calls: grids, GPTQ's walk, Gram matrices, float32 products
 * and the products of CKA. Each kernel has the bits of its loop in Java
 * (io.calm.kernels.JavaSearchKernels), except column_statistics, add_gram and softmax, whose
 * alternative is PyTorch. The kernels of a decoder step are in calm.h.
 */
#ifndef CALM_SEARCH_H
#define CALM_SEARCH_H

#include "calm.h"

enum {
  CALM_WALK = 128,          /* columns of a block of GPTQ's walk */
  CALM_GRAM_PANEL = 32,     /* columns of a panel of a Gram matrix */
  CALM_PRODUCT_CHUNK = 256, /* steps of depth that are summed before they join the target */
  CALM_PRODUCT_COLUMNS = 1024,
  CALM_PRODUCT_FLOATS = CALM_PRODUCT_CHUNK * (CALM_PRODUCT_COLUMNS + 128), /* scratch */
};

/*
 * c[i][j] += alpha * sum over k of a[i][k] * b[k][j], or = if `fresh`. Consecutive rows of a are
 * a_row elements apart, consecutive steps of depth a_step; likewise b. Columns of c are contiguous.
 */
typedef struct {
  const float *a, *b;
  ptrdiff_t a_row, a_step, b_step, b_column, c_row;
  int32_t depth, fresh;
  float alpha;
  float *c;
} calm_product;

/* A block of GPTQ's columns, [columns][outputs] each, in the order of the walk. */
typedef struct {
  int columns; /* at most CALM_WALK */
  size_t outputs;
  const float *weights;
  const float *factor;            /* [columns][columns], upper */
  const float *scales, *minimums; /* [groups of the inputs][outputs] */
  const int32_t *groups;          /* [columns] */
  float *errors;
  int8_t *codes;
} calm_walk;

/*
 * Sums over the logits a of a reference and b of a candidate for one token: the largest of a, the
 * sum of p = e^(a - peak) and of p (a - b); the largest of b and the sum of e^(b - other_peak).
 */
typedef struct {
  float peak, other_peak;
  double total, cross, other_total;
} calm_divergence;

/* The search kernels of one variant. Pure except for their outputs, and thread safe. */
typedef struct {
  /*
   * Fits scale and minimum of every group of w [outputs, inputs], from `count` fractions of its
   * range in at most `rounds` rounds each; importance: of an input's squared error, NULL for 1.
   * Both targets are [outputs][groups]; a group that has no grid gets scale 0.
   */
  void (*fit_grids)(const float *w, int32_t outputs, int32_t inputs, int32_t group,
                    const float *importance, const float *starts, int count, int rounds,
                    float *scales, float *minimums);

  /* The nearest codes of one row on its grids. */
  void (*encode)(const float *row, int32_t inputs, int32_t group, const float *scales,
                 const float *minimums, int8_t *target);

  /* Rounds one row of activations to int8 and back; group: inputs that share a scale. */
  void (*round_inputs)(float *row, int32_t inputs, int32_t group);

  /*
   * target[3][width]: mean |x|, max |x| and mean x^2 over the rows of x, for the columns from
   * (inclusive) to (exclusive).
   */
  void (*column_statistics)(const float *x, int rows, int32_t width, int32_t from, int32_t to,
                            float *target);

  /*
   * gram[width][width] += x[rows][width]' x, from the diagonal on, for the panels of rows of gram
   * from (inclusive) to (exclusive). scratch: 128 rows of the padded width.
   */
  void (*add_gram)(const float *x, int rows, int32_t width, int from, int to, float *gram,
                   float *scratch);

  /* Rounds a block column by column for the outputs from (inclusive) to (exclusive). */
  void (*walk_columns)(const calm_walk *walk, size_t from, size_t to);

  /* product[height][width] += left[depth][height]' right[depth][width]; depth: eights. */
  void (*add_tile)(const double *left, const double *right, int height, int width, int depth,
                   double *product);

  /*
   * The rows part[0] (inclusive) to part[1] (exclusive) and the columns part[2] to part[3] of a
   * product. scratch: CALM_PRODUCT_FLOATS, aligned to 64 bytes.
   */
  void (*add_product)(const calm_product *product, const int32_t *part, float *scratch);

  /* Adds `count` further logits to the sums, which begin with minus infinity and 0. */
  void (*add_divergence)(const float *a, const float *b, int count, calm_divergence *sums);

  /*
   * Turns the scores from (inclusive) to (exclusive) into weights e^(scale score - max), all others
   * of `positions` into zero. Positions are a multiple of 16.
   */
  calm_partial (*softmax)(float *scores, int32_t from, int32_t end, int positions, float scale);
} calm_search_kernels;

/* The search kernels of a variant. */
const calm_search_kernels *calm_variant_search_kernels(int variant);

#endif
