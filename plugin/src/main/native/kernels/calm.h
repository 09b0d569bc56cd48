/*
 * The W4A8 runtime in C: shapes, layouts and the table of kernels that every rung of the ladder
 * fills. Layouts are those of docs/reference/artifact-format.md and are read where they are mapped.
 *
 * Arithmetic is fixed (docs/reference/w4a8.md): a row's result has the same bits on every rung, for every
 * batch, cut into chunks and number of threads. So nothing here may be compiled with contraction
 * of a product and a sum (-ffp-contract=off): where they are fused, fma is written.
 */
#ifndef CALM_H
#define CALM_H

#include <stddef.h>
#include <stdint.h>

enum {
  CALM_TILE = 16,       /* outputs of a tile */
  CALM_PAGE = 64,       /* positions of a page of keys and values */
  CALM_SPLIT = 256,     /* positions whose attention is computed apart and then merged */
  CALM_MAX_GROUP = 128, /* inputs of the largest group */
  CALM_WALK = 128,      /* columns of a block of GPTQ's walk */
  CALM_GRAM_PANEL = 32, /* columns of a panel of a Gram matrix */
  CALM_LINEAR_ROWS = 128, /* rows of a piece of a linear, so that narrow ones divide evenly too */
};

/* A W4A8 weight [outputs, inputs]: s * q + m, with an optional bias. */
typedef struct {
  int32_t outputs, inputs, group, groups; /* groups: padded inputs / group */
  const uint32_t *codes;                  /* [tiles][groups * group / 8][16] words of 8 codes */
  const uint16_t *grids;                  /* float16 [tiles][groups][2][16]: scales, minimums */
  const float *bias;                      /* [outputs], or NULL */
} calm_linear;

/* An int8 table [outputs, inputs] with one scale a row. */
typedef struct {
  int32_t outputs, inputs, group, groups;
  const uint32_t *codes; /* [tiles][groups * group / 4][16] words of 4 codes */
  const float *scales;   /* [tiles * 16] */
} calm_table8;

/* Activations rounded to int8: one scale and one sum of codes a row and group. */
typedef struct {
  int32_t group, groups;
  size_t stride;  /* between rows of codes, calm_row_stride(groups * group) */
  int8_t *codes;  /* [rows][stride] */
  float *scales;  /* [rows][groups] */
  float *sums;    /* [rows][groups], exact integers */
} calm_rows;

/* A cache line more than a row: rows a power of two apart would share the sets of the cache. */
static inline size_t calm_row_stride(size_t padded_inputs) { return (padded_inputs + 127) / 64 * 64; }

/* The rows from `row` on. */
static inline calm_rows calm_rows_from(const calm_rows *x, int row) {
  calm_rows rest = *x;
  rest.codes += (size_t)row * x->stride;
  rest.scales += (size_t)row * (size_t)x->groups;
  rest.sums += (size_t)row * (size_t)x->groups;
  return rest;
}

/* How keys and values are stored. */
typedef enum { CALM_KV_FLOAT16 = 0, CALM_KV_INT8 = 1 } calm_kv_type;

/* The shape of attention. */
typedef struct {
  int32_t heads, kv_heads, head_dim;
  float scale; /* of the scores */
  calm_kv_type kv;
} calm_attention;

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

/* The largest score of a split, the sum of its weights; the outputs lie beside it. */
typedef struct {
  float max, sum;
} calm_partial;

/*
 * One rung of the ladder. All functions are pure but for their outputs, and thread safe.
 * Scratch of scratch_bytes, aligned to 64, belongs to the calling thread.
 */
typedef struct {
  const char *name;

  /* Bytes of scratch that multiply4 and multiply8 need for inputs of that width. */
  size_t (*scratch_bytes)(int32_t padded_inputs);

  /* y[row * y_stride + n] of the tiles from (inclusive) to (exclusive), and of n < outputs. */
  void (*multiply4)(const calm_linear *w, const calm_rows *x, int rows, int from, int to, float *y,
                    size_t y_stride, void *scratch);
  void (*multiply8)(const calm_table8 *w, const calm_rows *x, int rows, int from, int to, float *y,
                    size_t y_stride, void *scratch);

  /*
   * Rounds the groups from (inclusive) to (exclusive) of a row of so many inputs, x being the first
   * input of group `from`, to row `row` of the target; with one scale a row, all groups at once.
   * Returns 0 if a value is not finite.
   */
  int (*quantize)(const float *x, int32_t inputs, int per_token, calm_rows *target, int row,
                  int from, int to);

  /* y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x. */
  void (*rms_norm)(const float *x, const float *weight, float *y, int32_t width, float epsilon);

  /* Rotates the pairs (i, i + half) of one head in place. */
  void (*rotate)(float *head, const float *cosines, const float *sines, int32_t half);

  /* y[i] = gate[i] / (1 + e^-gate[i]) * up[i]. */
  void (*swiglu)(const float *gate, const float *up, float *y, int32_t width);

  void (*add)(float *target, const float *addend, int32_t width);

  /* 1 if every value is finite. */
  int (*finite)(const float *x, size_t count);

  /* The largest of x and the sum of e^(x - largest); 0 if a value is not finite. */
  int (*weigh)(const float *x, size_t count, calm_partial *result);

  /* Stores one position's key and value of one layer's head. */
  void (*store_kv)(const calm_attention *a, uint8_t *layer, int kv_head, int slot,
                   const float *key, const float *value);

  /*
   * Attention over one split of the stored positions of `heads` key-value heads from kv_head on,
   * `count` queries for each, at most CALM_MAX_QUERIES together: queries [heads][count][head_dim].
   * Positions from[i] (inclusive) to end[i] (exclusive), counted from the split's first, are seen
   * by query i of every head, none if the sum is to be 0. pages: the split's pages of the layer.
   * Writes partial [heads][count] and outputs [heads][count][head_dim], weighted sums of values.
   */
  void (*attend)(const calm_attention *a, uint8_t *const *pages, int kv_head, int heads,
                 const float *queries, int count, const int32_t *from, const int32_t *end,
                 calm_partial *partial, float *outputs, void *scratch);

  /* Merges a split (of max and sum `split`, outputs `addend`) into a running result. */
  void (*merge)(calm_partial *running, float *outputs, const calm_partial *split,
                const float *addend, int32_t head_dim);

  /* y = x / divisor. */
  void (*divide)(const float *x, float divisor, float *y, int32_t width);

  /* Row `row` of a table as float32. */
  void (*read_row4)(const calm_linear *w, int row, float *target);
  void (*read_row8)(const calm_table8 *w, int row, float *target);
  void (*read_half)(const uint16_t *row, float *target, int32_t width);

  /* logits of tokens from (inclusive) to (exclusive): sums over k ascending, fused. */
  void (*multiply_half)(const uint16_t *table, const float *x, int32_t width, int rows, int from,
                        int to, float *y, size_t y_stride);
  void (*multiply_float)(const float *table, const float *x, int32_t width, int rows, int from,
                         int to, float *y, size_t y_stride);

  /* ---- what a search computes: each has the bits of a loop in Java (io.calm.quant, .cka) ---- */

  /*
   * Fits scale and minimum of every group of w [outputs, inputs], from `count` fractions of its
   * range in at most `rounds` rounds each; importance: of an input's squared error, NULL for 1.
   * Both targets are [outputs][groups]; a group that has no grid gets scale 0.
   */
  void (*fit_grids)(const float *w, int32_t outputs, int32_t inputs, int32_t group,
                    const float *importance, const float *starts, int count, int rounds,
                    float *scales, float *minimums);

  /* One row's nearest codes on its grids; and in the place of the row, what they stand for. */
  void (*encode)(const float *row, int32_t inputs, int32_t group, const float *scales,
                 const float *minimums, int8_t *target);
  void (*round_weights)(float *row, int32_t inputs, int32_t group, const float *scales,
                        const float *minimums);

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
} calm_kernels;

/* Most queries of one call of attend, and its scratch in bytes. */
enum { CALM_MAX_QUERIES = 128 };
size_t calm_attend_scratch(int32_t head_dim);

/* Where a layer's pieces lie in its part of a page, in bytes. */
size_t calm_kv_layer_bytes(const calm_attention *a);

/* ---- kernels.c: the ladder ---- */

/* Number of rungs compiled in, best last, and their names. */
int calm_rungs(void);
const char *calm_rung_name(int rung);

/* NULL if the processor can run the rung, else why not. */
const char *calm_rung_missing(int rung);

/* The kernels of a rung. */
const calm_kernels *calm_rung_kernels(int rung);

#endif
